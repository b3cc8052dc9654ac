"""Documents that lie in no folder: a list of URLs, and what a plug-in's source gives. Each is kept in a file meanwhile."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from mimetypes import guess_extension
from pathlib import Path
from stat import S_ISREG
from typing import Final

from ingest.extract import suffix_of
from ingest.sources.discover import Source
from ingest.sources.fetch import Fetcher, Unfetchable
from ingest.sources.roots import SOURCE, printable
from vectorstore.errors import BadInput, NotFound, Unavailable
from vectorstore.plugins import plug_in

_MOST_URLS: Final = 10_000
_LONGEST_NAME: Final = 60


@dataclass(frozen=True, slots=True)
class FetchedSources:
    """What could be fetched, and why the rest could not, by address; `folders` are what is known whole."""

    sources: list[Source] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    folders: list[str] = field(default_factory=list)

    def add(self, other: "FetchedSources") -> None:
        """Take in what came from elsewhere still."""
        self.sources.extend(other.sources)
        self.failed.update(other.failed)
        self.folders.extend(other.folders)


@dataclass(frozen=True, slots=True)
class SourceDocument:
    """A document as a plug-in's source gives it.

    `uri` is its address inside the source, such as `hr/leave.html`: the same in every run. `content` is its bytes,
    or a file that holds them until the next document is asked for. The type is told by content and by the ending of
    the address, or by `media_type` where that has none. `readers` are the groups that may read it, within what the
    operator's rules and flags allow; None leaves it to these alone.
    """

    uri: str
    content: bytes | Path
    media_type: str = ""
    readers: frozenset[str] | None = None
    modified: datetime | None = None


@contextmanager
def fetched_sources(file: Path, fetcher: Fetcher) -> Iterator[FetchedSources]:
    """Fetch the URLs of a file, one on each line (# begins a comment), and keep them while they are ingested.

    Raises NotFound without the file, BadInput for too many lines.
    """
    with tempfile.TemporaryDirectory(prefix="footnote-urls-") as folder:
        found = FetchedSources()
        for number, url in enumerate(_urls(file)):
            try:
                fetched = fetcher.fetch(url)
            except Unfetchable as error:
                found.failed[printable(url)] = str(error)
                continue
            path = written_down(Path(folder) / str(number), fetched.name, fetched.content, fetched.modified)
            found.sources.append(Source(printable(url), path, fetched.name, named=True))
        yield found


@contextmanager
def plugged_source(name: str, *, max_bytes: int) -> Iterator[FetchedSources]:
    """Take all documents of the source that a plug-in brings, and keep them while they are ingested.

    A document's address is `source:<name>/<uri>`. Where the source breaks, what it gave before stands and nothing
    counts as gone. Raises BadInput when there is no such source.
    """
    plugged = plug_in("source", name)
    prefix = f"{SOURCE}{printable(name)}/"
    with tempfile.TemporaryDirectory(prefix="footnote-source-") as folder:
        found = FetchedSources(folders=[prefix])
        known: set[str] = set()
        try:
            for number, document in enumerate(plugged.load()()):
                try:
                    source = _taken(document, prefix, Path(folder) / str(number), max_bytes=max_bytes)
                    if source.uri in known:
                        raise BadInput("The source gives two documents of this address.")
                except (BadInput, OSError, ValueError, OverflowError) as error:
                    found.failed[_address(document, prefix)] = str(error)
                else:
                    found.sources.append(source)
                known.add(_address(document, prefix))
        # the edge: another's code, and what else is ingested goes in
        except (Exception, SystemExit) as error:  # noqa: BLE001
            broken = error if isinstance(error, Unavailable) else plugged.broken("broke", error)
            found.failed[prefix] = str(broken)
        yield found


def _address(document: object, prefix: str) -> str:
    return prefix + printable(str(getattr(document, "uri", "?")))


def _taken(document: object, prefix: str, own: Path, *, max_bytes: int) -> Source:
    """Write a document into a folder of its own; raises BadInput when it is none, OSError when it cannot be read."""
    if not isinstance(document, SourceDocument):
        raise BadInput(f"The source gave {type(document).__name__} and no SourceDocument.")
    uri, readers, modified = document.uri, document.readers, document.modified
    if not isinstance(document.media_type, str) or not isinstance(modified, datetime | None):
        raise BadInput("Its media type is no text, or its date no datetime.")
    # A rule for `hr/` must hold for all that lies there, whatever way leads to it.
    if not isinstance(uri, str) or "\\" in uri or not {"", ".", ".."}.isdisjoint(uri.split("/")):
        raise BadInput(f"{uri!r} is no plain address.", "Name the document like hr/leave.html.")
    if readers is not None and not _are_groups(readers):
        raise BadInput(
            "Its readers are no set of group names.",
            'Give them like frozenset({"hr"}), or None to leave them to rules and flags.',
        )
    name = printable(uri.rpartition("/")[2])[-_LONGEST_NAME:]
    if not suffix_of(name):
        name += guess_extension(document.media_type) or ""
    content = (
        document.content if isinstance(document.content, bytes) else _content(document.content, max_bytes)
    )
    if len(content) > max_bytes:
        raise BadInput(f"The document is larger than {max_bytes // 1_000_000} MB.", "Split it.")
    path = written_down(own, name, content, modified)
    given = None if readers is None else frozenset(each.strip() for each in readers)
    return Source(prefix + printable(uri), path, printable(uri), readers=given)


def _are_groups(readers: object) -> bool:
    """Say whether these are the names of groups, one at least: none could mean nobody, and would be everyone."""
    if not isinstance(readers, frozenset | set) or not readers:
        return False
    return all(isinstance(each, str) and each.strip() for each in readers)


def _content(path: object, most: int) -> bytes:
    if not isinstance(path, Path) or not S_ISREG(path.stat().st_mode):
        raise BadInput("Its content is neither bytes nor a file.")
    with path.open("rb") as file:
        return file.read(most + 1)


def written_down(own: Path, name: str, content: bytes, modified: datetime | None) -> Path:
    """Write a document into a new folder of its own, as old as it is."""
    own.mkdir()
    path = own / name
    path.write_bytes(content)
    if modified is not None:
        os.utime(path, (modified.timestamp(), modified.timestamp()))
    return path


def _urls(file: Path) -> list[str]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except OSError as error:
        raise NotFound(f"There is no list of URLs at {str(file)!r}.", "Check the path.") from error
    except UnicodeDecodeError as error:
        raise BadInput(f"{str(file)!r} is no list of URLs.", "Write one on each line.") from error
    urls = list(dict.fromkeys(line.strip().partition("#")[0].strip() for line in lines))
    urls = [url for url in urls if url]
    if len(urls) > _MOST_URLS:
        raise BadInput(f"The list has more than {_MOST_URLS:,} URLs.", "Split it.")
    return urls
