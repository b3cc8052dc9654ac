"""Titles that documents share, told apart by the names of their files: as hashes, without the titles themselves."""

import re

import numpy as np
import numpy.typing as npt

from vectorstore.index.catalog.circles import NOBODY_S, Numbers
from vectorstore.language.words import name_words, with_name

Hashes = npt.NDArray[np.int64]
"""One for each document."""
Told = npt.NDArray[np.uint8]
"""How the title of each document is told from others."""

AS_IT_IS, SUBJECT_NAMED, NAMED, ADDRESSED = range(4)
"""Not at all; with a file's name that says something else; with the file's name; with the uri."""

_NUMBER = re.compile(r"\d++")
_SPREAD = np.uint64(0x9E3779B97F4A7C15)


def hashes_of(title: str, uri: str) -> tuple[int, int, int]:
    """Return what is compared: the title but for its numbers, the title, the title with the file's name.

    Python's own hash is seeded anew for each process: nobody can write two titles that look like one.
    """
    folded = title.casefold()
    return hash(_NUMBER.sub("0", folded)), hash(folded), hash((folded, name_words(uri).casefold()))


def told_apart(circles: Numbers, everyones: Numbers, hashes: tuple[Hashes, Hashes, Hashes]) -> Told:
    """Say how each title is told from others; the arrays are of the same length.

    `circles` are the documents' own, `everyones` those of their tenants' documents without readers, `hashes` those of
    `hashes_of`. A title that is shared gets the file's name, or the uri where that is shared too. Of titles that are the
    same but for their numbers (`Form 7 filed on 2024-05-01`) those get it whose file's name says something else. Only
    documents count that every reader of the one may read as well: no title tells of what is hidden.
    """
    near, alike, named = (_sharing(circles, everyones, each) for each in hashes)
    told = np.where(named > 1, ADDRESSED, NAMED)
    told = np.where(alike > 1, told, np.where(near > 1, SUBJECT_NAMED, AS_IT_IS))
    return np.where(circles == NOBODY_S, AS_IT_IS, told).astype(np.uint8)


def title_as(told: int, title: str, uri: str) -> str:
    """Return a document's title as it is told from others."""
    if told == AS_IT_IS:
        return title
    if told == SUBJECT_NAMED:
        return with_name(title, uri, numbers=False)
    named = name_words(uri)
    return f"{title} ({uri if told == ADDRESSED or not named else named})"


def _sharing(circles: Numbers, everyones: Numbers, hashes: Hashes) -> npt.NDArray[np.int64]:
    """Count for each document those with the same hash in its own circle or in everyone's, itself among them."""
    own, open_to_all = _keys(circles, hashes), _keys(everyones, hashes)
    ordered = np.sort(own)
    count = _count(ordered, own)
    apart = np.flatnonzero(circles != everyones)
    count[apart] += _count(ordered, open_to_all[apart])
    return count


def _keys(circles: Numbers, hashes: Hashes) -> npt.NDArray[np.uint64]:
    return hashes.astype(np.uint64) ^ (circles.astype(np.uint64) * _SPREAD)


def _count(ordered: npt.NDArray[np.uint64], sought: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    left = np.searchsorted(ordered, sought, "left")
    return np.asarray(np.searchsorted(ordered, sought, "right") - left, np.int64)
