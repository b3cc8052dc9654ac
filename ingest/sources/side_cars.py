"""Side-cars: `report.pdf.meta.yaml` beside `report.pdf` says who may read it, and more.

One that is misnamed, misspelt or cannot be read must not be taken for nothing: it may have closed its document. So
a file that was likely meant as a side-car makes its document fail, and one that belongs to no document is named.
"""

import os
import re
import stat
import string
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Final

from ingest.extract import Unparsable
from ingest.parse.access import read_yaml, readers_of, states_readers
from ingest.parse.characters import clean, decode
from vectorstore.errors import BadInput

SUFFIX: Final = ".meta.yaml"
_LARGEST: Final = 64_000
_MEANT = re.compile(
    r"(?<![a-z])meta(?:data)?[ ._-]{0,3}(?P<copy>copy|\(\d\)|\d)?[ ._-]{0,3}ya?ml"
    r"(?P<spare>~|[ ._-]{1,3}(?:bak|backup|old|orig|save|tmp|swp|txt|copy|\d|\(\d\)))?\Z"
)
"""The end of a name that says side-car; `copy` and `spare` mark what editors and downloads leave."""
_SETTINGS: Final = frozenset(
    ["yaml", "yml", "yalm", "ymal", "yam", "yml2", "json", "toml", "meta", "metadata", "acl"]
)
_PARTS = re.compile(r"[ ._-]+")
_SHORTEST: Final = 3
"""Letters that a name must have before one slip in it is taken for one."""


@dataclass(frozen=True, slots=True)
class SideCar:
    """What a side-car says. `readers` is None when it names none, () for everyone."""

    values: Mapping[str, object] = field(default_factory=dict)
    readers: tuple[str, ...] | None = None


class SideCars:
    """The side-cars of the folders that documents lie in; each folder is looked through once."""

    def __init__(self) -> None:
        self._folders: dict[Path, _Folder] = {}

    def of(self, path: Path) -> SideCar:
        """Return what the side-car of a document says, nothing when it has none.

        Raises BadInput when it cannot be read, is no YAML mapping, may have been meant to name readers and does
        not, or when a file beside the document is likely its side-car under another name.
        """
        folder = self._folder(path.parent)
        name = path.name + SUFFIX
        if path.name in folder.side_cars:
            raise BadInput("This is a side-car and no document.", "Ingest the document that it is about.")
        if stray := folder.strays.get(path.name):
            other = f"keep one of it and {name!r}" if name in folder.names else f"name it {name!r}"
            raise BadInput(
                f"{stray!r} looks like the document's side-car and is not read.", f"Correct: {other}."
            )
        return _read(path.with_name(name)) if name in folder.names else SideCar()

    def are(self, folder: Path) -> frozenset[str]:
        """Return the names of a folder's side-cars, the misnamed ones included: they are no documents."""
        return self._folder(folder).side_cars

    def orphans(self, folder: Path) -> list[str]:
        """Return the names of a folder's side-cars that belong to no document."""
        return self._folder(folder).orphans

    def _folder(self, folder: Path) -> "_Folder":
        if folder not in self._folders:
            self._folders[folder] = _Folder(folder)
        return self._folders[folder]


class _Folder:
    """One folder's names, told apart: documents, their side-cars, and what was likely meant as one."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.names = frozenset(os.listdir(path))  # noqa: PTH208 - names, thousands of them
        proper = {name + SUFFIX for name in self.names if name + SUFFIX in self.names}
        # macOS leaves files beside others that begin with `._`
        others = sorted(name for name in self.names - proper if not name.startswith("._"))
        self._documents = _Names(name for name in others if not _MEANT.search(_plain(name)))
        self.strays: dict[str, str] = {}
        """A document → the file that is likely its side-car."""
        self.orphans: list[str] = []
        self._spares: list[str] = []
        for name in others:
            self._consider(name)
        self.side_cars = frozenset([*proper, *self.strays.values(), *self.orphans, *self._spares])

    def _consider(self, name: str) -> None:
        """Note a name that was likely meant as a side-car: by how it ends, or by how it begins and what it holds."""
        plain = _plain(name)
        match = _MEANT.search(plain)
        if match is None:
            if any(other != name for other in self._near(plain)) and self._states_readers(name):
                self.strays |= {document: name for document in self._near(plain) if document != name}
            return
        meant = self._documents.like(plain[: match.start()].strip(string.punctuation + string.whitespace))
        if (match["copy"] or match["spare"]) and any(each + SUFFIX in self.names for each in meant):
            self._spares.append(name)
            return
        self.strays |= dict.fromkeys(meant, name)
        if not meant and not name.startswith(".") and (name.endswith(SUFFIX) or self._states_readers(name)):
            self.orphans.append(name)

    def _near(self, plain: str) -> list[str]:
        """Return the documents whose name this one continues, or shares where it ends as settings do."""
        ends = [found.start() for found in _PARTS.finditer(plain)]
        whole = [document for end in ends for document in self._documents.called(plain[:end])]
        if whole or not ends or _PARTS.split(plain)[-1] not in _SETTINGS:
            return whole
        return [document for end in ends[-2:] for document in self._documents.like(plain[:end])]

    def _states_readers(self, name: str) -> bool:
        path = self._path / name
        try:
            found = path.lstat()
            if not stat.S_ISREG(found.st_mode) or found.st_size > _LARGEST:
                return False
            return any(map(states_readers, decode(path.read_bytes()).text.splitlines()))
        except (OSError, Unparsable):
            return False


class _Names:
    """The documents of a folder, found by a name that may be a slip away from theirs."""

    def __init__(self, names: Iterable[str]) -> None:
        self._whole: dict[str, list[str]] = {}
        self._stem: dict[str, list[str]] = {}
        for name in names:
            plain = _plain(name)
            self._whole.setdefault(plain, []).append(name)
            self._stem.setdefault(_stem(plain), []).append(name)

    def called(self, plain: str) -> list[str]:
        """Return the documents of exactly this name, in capitals or not."""
        return self._whole.get(plain, [])

    def like(self, base: str) -> list[str]:
        """Return the documents that a side-car's name likely means, the surest kind of likeness first."""
        if sure := self._whole.get(base) or self._stem.get(base) or self._stem.get(_stem(base)):
            return sure
        if len(base) < _SHORTEST:
            return []
        return list(dict.fromkeys(name for slip in _slips(base) for name in self._by_slip.get(slip, ())))

    @cached_property
    def _by_slip(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for plain, names in [*self._whole.items(), *self._stem.items()]:
            for slip in _slips(plain):
                found.setdefault(slip, []).extend(names)
        return found


def _slips(name: str) -> set[str]:
    """Return a name and what is left of it without each of its letters: names one slip apart share one of these."""
    return {name, *(name[:at] + name[at + 1 :] for at in range(len(name)))}


def _plain(name: str) -> str:
    return unicodedata.normalize("NFC", name).lower().lstrip(".")


def _stem(plain: str) -> str:
    return plain.rpartition(".")[0] or plain


def _read(file: Path) -> SideCar:
    what = f"The side-car {file.name!r}"
    try:
        found = file.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise BadInput(f"{what} is no plain file.", "Put a file in the place of the link or folder.")
        if found.st_size > _LARGEST:
            raise BadInput(f"{what} is larger than 64 kB.", "Keep only metadata in it.")
        text = clean(decode(file.read_bytes()).text)[0]
        values = read_yaml(text)
    except OSError as error:
        raise BadInput(f"{what} cannot be read ({error.strerror}).", "Make it readable.") from error
    except (ValueError, Unparsable) as error:
        raise BadInput(f"{what} is not valid YAML.", "Correct it.") from error
    if not isinstance(values, dict):
        raise BadInput(f"{what} must hold `key: value` lines.", "Correct it, or delete it.")
    said = {str(key): value for key, value in values.items()}
    try:
        return SideCar(said, readers_of(said, text=text, where=what))
    except Unparsable as error:
        raise BadInput(error.message) from error
