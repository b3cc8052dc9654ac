"""A list of URLs as documents to ingest: each fetched to a file, addressed by its URL."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ingest.sources.discover import Source
from ingest.sources.fetch import Fetcher, Unfetchable
from ingest.sources.roots import printable
from vectorstore.errors import BadInput, NotFound

_MOST_URLS = 10_000


@dataclass(frozen=True, slots=True)
class FetchedSources:
    """What could be fetched, and why the rest could not, by URL."""

    sources: list[Source] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


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
            own = Path(folder) / str(number)
            own.mkdir()
            path = own / fetched.name
            path.write_bytes(fetched.content)
            if fetched.modified is not None:
                os.utime(path, (fetched.modified.timestamp(), fetched.modified.timestamp()))
            found.sources.append(Source(printable(url), path, fetched.name, named=True))
        yield found


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
