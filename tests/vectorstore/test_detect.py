"""What language a text is in: questions as people type them, documents of one line, code, and no language at all."""

import json
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.answers.splits import ARTICLES
from ingest.report import beyond, language_of
from vectorstore.language import detect
from vectorstore.language.detect import LANGUAGES, english, language, language_named, language_throughout
from vectorstore.settings import DEFAULT_EMBEDDER
from vectorstore.types import Document, document_id

QUESTIONS: dict[str, list[str]] = tomllib.loads(
    Path(__file__).with_name("questions.toml").read_text(encoding="utf-8")
)
TYPED = [(code, question) for code, questions in QUESTIONS.items() for question in questions]


def test_questions_as_they_are_typed_are_told_apart() -> None:
    wrong = [(code, language(question), question) for code, question in TYPED if language(question) != code]
    assert not [each for each in wrong if each[0] != "en"], wrong
    # Of three words or of code, so that nothing is said of them, and one that reads as German.
    assert len([each for each in wrong if each[1] != ""]) <= 1, wrong
    assert len(wrong) <= 4, wrong


def test_what_is_english_is_told_from_what_is_not() -> None:
    assert len([question for question in QUESTIONS["en"] if not english(question)]) <= 1
    assert not [question for code, question in TYPED if code != "en" and english(question)]


@pytest.mark.parametrize("text", ["", " \n", "E-217", "123 456", "...", "🙂", "Urlaub", "\ud800", "\x00"])
def test_what_is_no_language_is_not_told(text: str) -> None:
    assert language(text) == ""
    assert english(text)


@pytest.mark.parametrize("text", ["отпуск", "有給休暇", "휴가", "Łódź", "Kündigungsfrist"])
def test_letters_of_other_scripts_are_never_taken_for_english(text: str) -> None:
    assert not english(text)


def test_code_and_addresses_do_not_count() -> None:
    code = "```python\nfor each in the_list_of_things:\n    print(each, 'is what we have')\n```\n" * 3
    assert language(f"{code}So wird die Liste ausgegeben.") == "de"
    assert language(f"{code}https://example.com/the/list/of/all/the/things/that/we/have") == ""
    assert language("¿?") == "es"


def test_only_the_beginning_is_read() -> None:
    german = "Wer länger als drei Tage krank ist, braucht eine Bescheinigung. " * 10
    assert language(german + "The rest is in English. " * 100_000) == "de"


def test_every_process_and_thread_says_the_same() -> None:
    asked = [question for _, question in TYPED]
    told = [language(question) for question in asked]
    command = "import json, sys; from vectorstore.language.detect import language; print(json.dumps([*map(language, json.load(sys.stdin))]))"
    done = subprocess.run(
        [sys.executable, "-c", command], input=json.dumps(asked), capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == told
    with ThreadPoolExecutor(4) as pool:
        assert [*pool.map(detect._told.__wrapped__, map(detect._prose, asked * 5))] == told * 5


def test_without_room_to_unpack_nothing_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detect, "_identifier", lambda: None)
    detect._told.cache_clear()
    assert language("Wie viele Urlaubstage habe ich?") == ""
    detect._told.cache_clear()


@given(st.text(st.characters(), max_size=1_000))
def test_any_text_is_looked_at(text: str) -> None:
    told = language(text)
    assert told == "" or told in LANGUAGES
    assert english(text) or told != "en"


@pytest.mark.parametrize("code", ["en", "de", "es", "ru", "zh"])
def test_published_questions_and_paragraphs_are_told(code: str, shared_data: Path) -> None:
    titles = [each["title"] for each in _xquad(shared_data, "en")]
    paragraphs = [
        paragraph
        for title, article in zip(titles, _xquad(shared_data, code), strict=True)
        if title in ARTICLES["fitting"]
        for paragraph in article["paragraphs"]
    ]
    texts = [each["context"] for each in paragraphs]
    asked = [each["question"] for paragraph in paragraphs for each in paragraph["qas"]]
    assert [language(text) for text in texts] == [code] * len(texts)
    # Short Russian questions are now and then taken for a neighbour in the same letters.
    assert sum(language(question) == code for question in asked) >= (0.98 if code == "ru" else 0.995) * len(
        asked
    )
    assert sum(english(question) != (code == "en") for question in asked) <= 1


def _xquad(shared_data: Path, code: str) -> list[dict[str, object]]:
    data = json.loads((shared_data / "xquad" / f"xquad.{code}.json").read_text(encoding="utf-8"))["data"]
    assert isinstance(data, list)
    return data


def test_published_english_of_any_subject_is_english(shared_data: Path) -> None:
    asked = [
        *(json.loads(line)["question"] for line in _lines(shared_data / "office" / "dev.jsonl")),
        *(json.loads(line)["text"] for line in _lines(shared_data / "scifact" / "queries.jsonl")),
    ]
    documents = [
        path.read_text(encoding="utf-8", errors="replace")
        for corpus, suffix in (("peps/peps", "rst"), ("docs-prometheus/docs", "md"), ("handbook-18f", "md"))
        for path in sorted((shared_data / "corpora" / corpus).rglob(f"*.{suffix}"))
    ]
    wrong = [text[:80] for text in (*asked, *documents) if not english(text)]
    assert len(documents) > 900
    assert len(wrong) <= len(asked + documents) / 500, wrong


def _lines(path: Path) -> list[str]:
    return path.read_text(encoding="utf-8").splitlines()


def test_a_long_text_is_in_the_language_of_most_of_it() -> None:
    german = "Wer länger als drei Tage krank ist, braucht eine Bescheinigung vom Arzt. " * 200
    summary = "This policy says who needs a certificate, and from which day on it is wanted. " * 20
    assert language_throughout(summary + german) == "de"
    assert language_throughout(german[:100]) == "de"
    assert language_throughout("") == language_throughout("```\n" + "x = 1\n" * 9_000) == ""


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("de", "de"),
        ("de-AT", "de"),
        ("pt_BR", "pt"),
        (" EN ", "en"),
        ("nb-NO", "no"),
        ("English", ""),
        ("", ""),
    ],
)
def test_a_tag_names_a_language_where_it_is_one(tag: str, code: str) -> None:
    assert language_named(tag) == code


def test_what_an_older_index_says_of_a_language_counts_where_it_is_one() -> None:
    for said, code in (("en-US", "en"), ("English", ""), (("de", "en"), "de"), ((), ""), (7, "")):
        document = Document(document_id(tenant="t", uri="u", digest="d"), "u", "U", "text/plain", "d", metadata={"language": said})  # fmt: skip
        assert language_of(document) == code
    assert beyond({"en": 9, "de": 2, "": 50}, "all-MiniLM-L6-v2") == ("", "")
    assert beyond({"en": 90, "de": 3}, "all-MiniLM-L6-v2")[0].startswith(
        "3 of 93 documents are not in English"
    )
    assert beyond({"de": 1}, "all-MiniLM-L6-v2")[0].startswith("1 of 1 documents is not")
    assert beyond({"de": 1}, DEFAULT_EMBEDDER) == ("", "")
