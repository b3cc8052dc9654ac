"""Documents in scripts that put nothing between words, taken in and searched with the default embedder."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.language.reading import lines
from app.reader.extractive import written
from footnote import Footnote, Hit, Scope, Text
from vectorstore.settings import DEFAULT_EMBEDDER

CASE = Path(__file__).parents[2] / "../shared/cases/cjk/docs"
EVERYTHING = Scope(unrestricted=True)
QUERIES = {
    "休暇の申請": "kyuka.txt",
    "金庫の鍵": "kinko.txt",
    "회의실 예약": "hoeui.txt",
    "门禁密码": "jifang.txt",
    "带薪年假": "nianjia.txt",
    "ลาพักร้อน": "thai.txt",
    "الإجازة السنوية": "ar.txt",
    "ימי חופשה": "heb.txt",
    "дней отпуска": "ru.txt",
}
"""Phrases that stand verbatim in one document."""
OTHERS = {
    "parkplatz.md": "---\nlang: [de, en]\n---\nParkplätze vergibt die Verwaltung. Visitors' spaces are marked.",
    "ebi.txt": "領収書は経理課に提出してください（締め切りは毎月末です。）",
    "lao.txt": "ພະນັກງານມີສິດລາພັກປະຈໍາປີ ສິບຫ້າວັນ",
    "khmer.txt": "បុគ្គលិកមានសិទ្ធិឈប់សម្រាកប្រចាំឆ្នាំ",
    "taiwan.txt": "員工請假須於三日前提出申請",
}


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Footnote]:
    if not CASE.is_dir():
        pytest.skip("the case's documents are not here")
    folder = tmp_path_factory.mktemp("cjk")
    (folder / "docs").mkdir()
    for name, text in OTHERS.items():
        (folder / "docs" / name).write_text(text, encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FOOTNOTE_EMBEDDER", DEFAULT_EMBEDDER)
        made = Footnote(folder / "data")
        assert len(made.ingest(CASE, folder / "docs").added) == 10 + len(OTHERS)
    with made:
        yield made


def first(opened: Footnote, query: str) -> Hit:
    return opened.search(query, scope=EVERYTHING)[0]


def lexical_rank(hit: Hit) -> int | None:
    stage = hit.stage("lexical")
    return stage.rank if stage else None


@pytest.mark.parametrize("query", list(QUERIES))
def test_a_phrase_that_stands_in_one_document_finds_it_first_by_words_too(
    opened: Footnote, query: str
) -> None:
    hit = first(opened, query)
    assert hit.document.uri.endswith(QUERIES[query])
    assert lexical_rank(hit) == 1


@pytest.mark.parametrize(
    ("query", "name"),
    [
        ("Parkplatz", "parkplatz.md"), ("visitor space", "parkplatz.md"), ("領収書の締め切り", "ebi.txt"),
        ("ລາພັກປະຈໍາປີ", "lao.txt"), ("ឈប់សម្រាក", "khmer.txt"), ("請假申請", "taiwan.txt"), ("有給休暇", "kyuka.txt"),
    ],
)  # fmt: skip
def test_other_scripts_and_documents_in_two_languages_are_found_by_words(
    opened: Footnote, query: str, name: str
) -> None:
    hits = opened.search(query, scope=EVERYTHING)
    assert name in {hit.document.uri.rpartition("/")[2] for hit in hits if lexical_rank(hit) in (1, 2)}


@pytest.mark.parametrize(
    "question",
    ["休暇の申請はいつまでに行いますか", "회의실 예약은 어떻게 합니까?", "门禁密码多久更换一次？", "金庫の鍵はどこにありますか", "領収書はどこに提出しますか"],
)  # fmt: skip
def test_no_answer_ends_a_sentence_twice(opened: Footnote, question: str) -> None:
    answer = "".join(
        event.delta for event in opened.ask(question, scope=EVERYTHING) if isinstance(event, Text)
    )
    assert answer
    assert not any(twice in answer for twice in ("。.", "。。", "）.", "..", "。 "))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("社員は取る。申請は三日前までに行う。", "“社員は取る。申請は三日前までに行う。”"),
        ("申請する（三日前まで。）", "“申請する（三日前まで。）”"),
        ("申請は三日前まで", "“申請は三日前まで。”"),
        ("申請は三日前までに行う｡", "“申請は三日前までに行う｡”"),
        ("本社は東京です．", "“本社は東京です．”"),
        ("បុគ្គលិកឈប់សម្រាក។", "“បុគ្គលិកឈប់សម្រាក។”"),
        ("One. Two", "“One. Two.”"),
    ],
)
def test_a_quoted_sentence_ends_once_in_its_own_script(text: str, said: str) -> None:
    assert written(lines(text)) == said
