"""Late interaction: how a passage's words answer to a question's, each as the embedder reads it where it stands.

After ColBERT (Khattab and Zaharia, 2020), with the states of the embedder that is there already: nothing is trained.
"""

import re
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from vectorstore.language.detect import english
from vectorstore.language.words import STOPWORDS, fold, rarity, stem
from vectorstore.models.embed import TokenReader
from vectorstore.types import Vector, Vectors

Offsets: TypeAlias = npt.NDArray[np.int32]
"""Shape (tokens, 2): each token's [start, end) in the text."""


_QUESTIONS, _BYTES = 256, 128 * 2**20
"""Of passages that is some 800 of 80 words. To read them is most of the time that a question takes, and what one asks
about others ask about too."""


@dataclass(frozen=True)
class Tokens:
    """A text's tokens as the embedder reads them: `directions` (tokens, d) of length 1, and how long each state is."""

    offsets: Offsets
    directions: Vectors
    lengths: Vector

    @cached_property
    def states(self) -> Vectors:
        """What the embedder makes of each token where it stands, shape (tokens, d)."""
        states: Vectors = self.directions * self.lengths[:, np.newaxis]
        return states


@dataclass(frozen=True)
class AskedTokens(Tokens):
    """A question's tokens. `worth` (tokens,) says how much each tells: the rarity of the word that it stands in."""

    worth: Vector

    @cached_property
    def middle(self) -> Vector:
        """The average of the states, shape (d,)."""
        middle: Vector = self.states.mean(axis=0)
        return middle

    @cached_property
    def length(self) -> float:
        """The length of that average."""
        return float(np.linalg.norm(self.middle))

    @cached_property
    def weights(self) -> Vector:
        """The worths as shares: they sum to 1."""
        return self.worth / max(float(self.worth.sum()), 1e-6)

    @cached_property
    def telling(self) -> npt.NDArray[np.bool_]:
        """Which tokens stand in content words; all, where none does."""
        content = self.worth >= _TELLS
        return content if content.any() else np.ones_like(content)

    def closeness(self, passage: Tokens) -> Vectors:
        """Return the cosines of the question's tokens and a passage's, shape (asked, tokens)."""
        closeness: Vectors = self.directions @ passage.directions.T
        return closeness


class Near(Protocol):
    """Compares questions and passages token by token."""

    @property
    def name(self) -> str:
        """What the setting for the reranker calls it."""

    def of(self, question: str, passages: Sequence[str]) -> "LateInteraction":
        """Return what reads these texts."""

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return for each passage how near it comes to the question's tokens at best, weighed; from 0 to 1."""


class LateInteraction:
    """Compares questions and passages token by token. The states of the texts wanted last are kept."""

    name = "late-interaction"

    def __init__(
        self, reader: TokenReader, *, remember: int = _QUESTIONS, remember_bytes: int = _BYTES
    ) -> None:
        """Keep the states of so many questions, and of passages in so many bytes."""
        self._reader = reader
        self._remember = remember
        self._room = remember_bytes
        self._known: OrderedDict[str, Tokens] = OrderedDict()
        self._asked: OrderedDict[str, AskedTokens] = OrderedDict()
        self._lock = Lock()

    @property
    def embedder(self) -> str:
        """The name of the embedder that reads."""
        return self._reader.name

    def of(self, question: str, passages: Sequence[str]) -> "LateInteraction":
        """Return what reads these texts: itself."""
        return self

    def asked(self, question: str) -> AskedTokens:
        """Read a question; it is read again for its passages' sentences."""
        with self._lock:
            known = self._asked.get(question)
        if known is None:
            ((offsets, states),) = self._reader.token_states([question], query=True)
            known = AskedTokens(*_read(offsets, states), _worths(question, offsets))
            with self._lock:
                self._asked[question] = known
                while len(self._asked) > self._remember:
                    self._asked.popitem(last=False)
        return known

    def read(self, texts: Sequence[str]) -> list[Tokens]:
        """Read passages; only those not remembered reach the model."""
        with self._lock:
            found = {text: self._known[text] for text in texts if text in self._known}
        new = [text for text in dict.fromkeys(texts) if text not in found]
        for text, (offsets, states) in zip(new, self._reader.token_states(new), strict=True):
            found[text] = Tokens(*_read(offsets, states))
        with self._lock:
            for text in texts:
                if text not in self._known:
                    self._room -= found[text].directions.nbytes
                self._known[text] = found[text]
                self._known.move_to_end(text)
            while self._room < 0 and self._known:
                _, dropped = self._known.popitem(last=False)
                self._room += dropped.directions.nbytes
        return [found[text] for text in texts]

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return for each passage how near it comes to the question's tokens at best, weighed; from 0 to 1."""
        asked = self.asked(question)
        return [self._score(asked, passage) for passage in self.read(passages)]

    def _score(self, asked: AskedTokens, passage: Tokens) -> float:
        if not len(passage.offsets) or not len(asked.worth):
            return 0.0
        return max(0.0, float(asked.closeness(passage).max(axis=1) @ asked.weights))


class LateInteractions:
    """Two ways to read: one for a question and passages that are all in English, the other for any language."""

    name = LateInteraction.name

    def __init__(self, english: LateInteraction, other: LateInteraction) -> None:
        self._english, self._other = english, other

    def of(self, question: str, passages: Sequence[str]) -> LateInteraction:
        """Return what reads these texts."""
        return self._english if english(question) and all(map(english, passages)) else self._other

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return for each passage how near it comes to the question's tokens at best, weighed; from 0 to 1."""
        return self.of(question, passages)(question, passages)


def _read(offsets: list[tuple[int, int]], states: Vectors) -> tuple[Offsets, Vectors, Vector]:
    lengths = np.maximum(np.linalg.norm(states, axis=1), 1e-6)
    return np.array(offsets, np.int32).reshape(-1, 2), states / lengths[:, np.newaxis], lengths


def _worths(text: str, offsets: list[tuple[int, int]]) -> Vector:
    """Return for each token the rarity of the word that it stands in."""
    places = iter([(*match.span(), _worth(fold(match[0]))) for match in _WORD.finditer(text)])
    start, end, worth = next(places, (0, 0, 0.0))
    found = []
    for first, _ in offsets:
        while first >= end and (following := next(places, None)):
            start, end, worth = following
        found.append(worth if start <= first < end else _MARK)
    return np.array(found, dtype=np.float32)


_WORD = re.compile(r"[\w'’-]++")
_FUNCTION_WORD, _MARK, _TELLS = 1.5, 0.2, 3.0


def _worth(word: str) -> float:
    return _FUNCTION_WORD if word in STOPWORDS else rarity(stem(word))
