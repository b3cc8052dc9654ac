"""Finds the files to ingest: folders recursively and sorted, single files; no links, nothing hidden."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from pathspec import GitIgnoreSpec

from ingest.sources.roots import Roots, printable
from ingest.sources.side_cars import SideCars
from vectorstore.errors import BadInput, NotFound

IGNORE_FILE = ".footnoteignore"
ORPHAN = "This side-car belongs to no document. Name it like its document and .meta.yaml, or delete it."


@dataclass(frozen=True, slots=True)
class Source:
    """A file to ingest: its address, where it lies, and its path inside what was named.

    `named` says that the user named this very file; one found in a folder may be passed over when its type
    is not supported. `known_as` is another address that a rule may mean it by. `readers` are those that a plug-in's
    source names: within what the operator allows, as a document's own. `within` is the file that holds it, which
    nobody else than its own readers may read it through; `opened` says that what a file holds are sources as well.
    `modified` is when the file was last changed, in seconds since 1970, where `path` is to be a copy of it.
    """

    uri: str
    path: Path
    relative: str
    named: bool = False
    known_as: str = ""
    readers: frozenset[str] | None = None
    within: "Source | None" = None
    opened: bool = False
    modified: float | None = None


class Filters:
    """Which files of a folder to take, by gitignore-style patterns on the path inside the folder."""

    def __init__(self, include: Sequence[str] = (), exclude: Sequence[str] = ()) -> None:
        self._include = GitIgnoreSpec.from_lines(include) if include else None
        self._exclude = GitIgnoreSpec.from_lines(exclude) if exclude else None

    def admit(self, relative: str) -> bool:
        """Say whether a file passes."""
        if self._include is not None and not self._include.match_file(relative):
            return False
        return self._exclude is None or not self._exclude.match_file(relative)


@dataclass(slots=True)
class Discovery:
    """What was found, by uri.

    `folders` are the address prefixes that were searched through, `excluded` the files that
    stay as they are in the index, with what they hold: the filters of this run left them out, or they cannot be opened; `passed_over`, `unreadable` and `orphans` (side-cars without a document) say why.
    """

    sources: dict[str, Source] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)
    excluded: set[str] = field(default_factory=set)
    passed_over: dict[str, str] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)
    orphans: dict[str, str] = field(default_factory=dict)
    side_cars: SideCars = field(default_factory=SideCars)

    def add(self, source: Source) -> None:
        """Add a source; one that was named stays named."""
        known = self.sources.get(source.uri)
        if known is None or not known.named:
            self.sources[source.uri] = source


def discover(
    paths: Sequence[Path], *, roots: Roots, filters: Filters, data_dir: Path | None = None
) -> Discovery:
    """Find the files that paths name, folders recursively.

    Hidden files, links, special files, side-cars, the index itself (`data_dir`), other indexes and what a `.footnoteignore`
    lists are passed over. Raises NotFound for a path that does not exist, BadInput for one that is neither
    file nor folder.
    """
    found = Discovery()
    own = data_dir.resolve() if data_dir else None
    for given in paths:
        path = _existing(given)
        if path.is_file():
            found.add(Source(roots.uri(path), path, path.name, named=True))
        else:
            prefix = roots.uri(path)
            found.folders.append(prefix)
            for file, relative in _Walk(prefix, found, own, filters).files(path, "", []):
                uri = prefix + printable(relative)
                if filters.admit(relative):
                    found.add(Source(uri, file, relative))
                else:
                    found.excluded.add(uri)
    return found


def _existing(given: Path) -> Path:
    try:
        path = given.expanduser().resolve(strict=True)
    except OSError as error:
        raise NotFound(f"There is no file or folder {str(given)!r}.", "Check the path.") from error
    if not path.is_file() and not path.is_dir():
        raise BadInput(f"{str(given)!r} is neither a file nor a folder.", "Name a file or a folder.")
    return path


_Ignored: TypeAlias = list[tuple[int, GitIgnoreSpec]]
"""The ignore files above a file: how much of its relative path leads to each, and its patterns."""


@dataclass(frozen=True, slots=True)
class _Walk:
    prefix: str
    found: Discovery
    own: Path | None
    filters: Filters

    def files(self, folder: Path, relative: str, ignored: _Ignored) -> Iterator[tuple[Path, str]]:
        try:
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
            ignored = [*ignored, *_ignore_file(folder, relative)]
            side_cars = self.found.side_cars.are(folder)
        except OSError as error:
            why = f"The folder cannot be read ({error.strerror})."
            self.found.unreadable[self.prefix + printable(relative)] = why
            return
        for entry in entries:
            inside = relative + entry.name
            is_folder = entry.is_dir(follow_symlinks=False)
            if reason := _passed_over(entry, inside + "/" * is_folder, ignored):
                self.found.passed_over[self.prefix + printable(inside)] = reason
            elif is_folder and Path(entry.path) != self.own:
                yield from self.files(Path(entry.path), inside + "/", ignored)
            elif not is_folder and entry.name not in side_cars:
                yield Path(entry.path), inside
            elif entry.name in self.found.side_cars.orphans(folder) and self.filters.admit(inside):
                self.found.orphans[self.prefix + printable(inside)] = ORPHAN


def _ignore_file(folder: Path, relative: str) -> _Ignored:
    file = folder / IGNORE_FILE
    if file.is_symlink() or not file.is_file():
        return []
    lines = file.read_text("utf-8", "replace").splitlines()
    return [(len(relative), GitIgnoreSpec.from_lines(lines))]


def _is_index(folder: Path) -> bool:
    """Say whether a folder is some index's, beside the one in use: its files are no documents."""
    return (folder / "index.db").is_file() and (folder / "index.lock").is_file()


def _passed_over(entry: "os.DirEntry[str]", inside: str, ignored: _Ignored) -> str:
    if entry.name.startswith((".", "~$")):
        return "hidden"
    if entry.is_symlink():
        return "a link"
    if not entry.is_dir(follow_symlinks=False) and not entry.is_file(follow_symlinks=False):
        return "a special file"
    if _is_index(Path(entry.path)):
        return "an index of Footnote"
    if any(spec.match_file(inside[start:]) for start, spec in ignored):
        return f"listed in {IGNORE_FILE}"
    return ""
