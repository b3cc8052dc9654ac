"""Objects by key in S3, Google Cloud, Azure or a folder: one library for all, its errors in our words."""

import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, TypeVar
from urllib.parse import unquote, urlsplit

from vectorstore.errors import Unavailable, pip_install
from vectorstore.objects.settings import ObjectSettings
from vectorstore.objects.versions import Versions, endpoint

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PIECE: Final = 16 << 20
"""Bytes that one request brings or takes: it is over within the time for one, and costs little to repeat."""
_UPLOADED: Final = 8 << 20
_AT_ONCE: Final = 4
_CONNECT: Final = 5.0
_FIRST_PAUSE: Final = timedelta(milliseconds=100)
_LONGEST_PAUSE: Final = timedelta(seconds=2)

_REFUSED: Final = re.compile(r"status code: 40[13]\b")
_ANSWERED: Final = re.compile(r"status code: ([45]\d\d)\b")
_TOOK: Final = re.compile(r" in (\d+(?:\.\d+)?)s\b")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Held:
    """An object that is there: its key, its size in bytes, when it was written (UTC)."""

    key: str
    size: int
    modified: datetime


class Objects:
    """Objects below one address. Safe to use from several threads.

    Keys are names parted by slashes; no key is also the beginning of another one's. Whatever fails raises Unavailable
    with one sentence, which holds no credentials; what is written is there whole or not at all.
    """

    def __init__(self, url: str, *, seconds: float, retries: int) -> None:
        """Open what lies at an address (s3://, gs://, az://, file:///); raises Unavailable without the library."""
        self.url = url
        self._seconds = seconds
        self._retries = retries
        self._errors = _library_errors()
        with self._told():
            self._store = self._opened()

    def put(self, key: str, content: bytes | Path) -> None:
        """Write an object, over one that is there."""
        import obstore

        with self._told():
            obstore.put(self._store, key, content, chunk_size=_UPLOADED, max_concurrency=_AT_ONCE)

    def put_new(self, key: str, content: bytes) -> bool:
        """Write an object unless there is one; say whether it was written. Where a store cannot tell, it is."""
        import obstore
        from obstore.exceptions import AlreadyExistsError, NotSupportedError

        try:
            with self._told(but=(AlreadyExistsError, NotSupportedError)):
                obstore.put(self._store, key, content, mode="create")
        except AlreadyExistsError:
            return False
        except NotSupportedError:
            self.put(key, content)
        return True

    def read(self, key: str, *, most: int = PIECE) -> bytes | None:
        """Return an object, None where there is none; raises Unavailable for one of more than `most` bytes."""
        import obstore

        def found() -> bytes:
            result = obstore.get(self._store, key)
            if result.meta["size"] > most:
                raise Unavailable(f"The object {key!r} in {self.url} is larger than it can be.", "Delete it.")
            return bytes(result.bytes())

        return self._found(found)

    def get(self, key: str, into: BinaryIO) -> int | None:
        """Write an object to a file, piece by piece; return its bytes, None where there is none.

        One that is replaced meanwhile raises Unavailable: never two halves of different ones.
        """
        import obstore

        size = self.size(key)
        known, place = "", 0
        while size is not None and place < size:
            options: dict[str, Any] = {"range": (place, min(place + PIECE, size))}
            if known:
                options["if_match"] = known

            def piece(asked: dict[str, Any] = options) -> tuple[bytes, str]:
                result = obstore.get(self._store, key, options=asked)  # type: ignore[arg-type]
                return bytes(result.bytes()), result.meta["e_tag"] or ""

            found = self._found(piece)
            if found is None:
                return None
            content, known = found
            into.write(content)
            place += len(content)
        return size

    def size(self, key: str) -> int | None:
        """Return an object's bytes, None where there is none."""
        import obstore

        return self._found(lambda: obstore.head(self._store, key)["size"])

    def list(self, prefix: str) -> list[Held]:
        """Return the objects below a prefix (whole names: `a` is not the beginning of `ab/c`), by key."""
        import obstore

        def found() -> list[Held]:
            pages = obstore.list(self._store, prefix, chunk_size=1_000)
            return [
                Held(each["path"], each["size"], each["last_modified"]) for page in pages for each in page
            ]

        return sorted(self._found(found) or [], key=lambda each: each.key)

    def delete(self, prefix: str) -> int:
        """Delete the object of this key and all below it, in a bucket that keeps versions all those; say how many."""
        import obstore

        keys = [each.key for each in self.list(prefix)]
        if self.versions is not None and self.versions.are_kept():
            return self.versions.delete(self._below + prefix)
        keys += [prefix] if self.size(prefix) is not None else []
        if keys:
            # one that somebody else has deleted meanwhile is gone, which was wanted
            with suppress(FileNotFoundError), self._told(but=(FileNotFoundError,) if self._local else ()):
                obstore.delete(self._store, keys)
        if self._local:
            self._delete_half_written(prefix)
        return len(keys)

    def _delete_half_written(self, prefix: str) -> None:
        """Delete what a process that died was writing to a folder: the library writes `key#1` first, and never lists it."""
        below = self._folder / prefix
        shutil.rmtree(below, ignore_errors=True)
        for left in below.parent.glob(f"{escape(below.name)}#*"):
            left.unlink(missing_ok=True)

    def try_out(self) -> None:
        """Put an object, get and delete it; raises Unavailable for what does not work."""
        key, content = f"doctor/{secrets.token_hex(8)}", secrets.token_bytes(64)
        self.put(key, content)
        if self.read(key) != content:
            raise Unavailable(f"{self.url} gives back something else than was put there.", "Use another one.")
        self.delete(key)
        if self.size(key) is not None:
            raise Unavailable(f"{self.url} still has what was deleted there.", "Allow deleting there.")

    @cached_property
    def versions(self) -> Versions | None:
        """What can be told of older versions; None where the store has no such thing or none that we know of."""
        parts = urlsplit(self.url)
        if parts.scheme != "s3":
            return None
        return Versions(parts.netloc, seconds=self._seconds, retries=self._retries)

    @property
    def keeps_versions(self) -> bool | None:
        """Whether what is deleted or replaced stays as an older version; None where that cannot be told."""
        if self._local:
            return False
        with suppress(Unavailable):
            return None if self.versions is None else self.versions.are_kept()
        return None

    @property
    def _local(self) -> bool:
        return self.url.startswith("file:")

    @property
    def _folder(self) -> Path:
        return Path(unquote(urlsplit(self.url).path))

    @property
    def _below(self) -> str:
        path = unquote(urlsplit(self.url).path).strip("/")
        return f"{path}/" if path else ""

    def _opened(self) -> "ObjectStore":
        from obstore.store import LocalStore, from_url

        if self._local:
            folder = self._folder
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise Unavailable(
                    f"The folder {str(folder)!r} cannot be made ({error.strerror}).",
                    "Correct FOOTNOTE_OBJECTS.",
                ) from error
            return LocalStore(folder)
        limit = timedelta(seconds=self._seconds)
        at = endpoint() if self.url.startswith("s3:") else ""
        return from_url(
            self.url,
            client_options={
                "timeout": limit,
                "connect_timeout": min(limit, timedelta(seconds=_CONNECT)),
                # Who writes http:// there means it; everything else is encrypted.
                "allow_http": at.startswith("http://"),
            },
            retry_config={
                "max_retries": self._retries,
                "retry_timeout": limit,
                "backoff": {"init_backoff": _FIRST_PAUSE, "max_backoff": _LONGEST_PAUSE, "base": 2},
            },
        )

    def _found(self, ask: Callable[[], _T]) -> _T | None:
        """Return what is asked for, None where there is no such object."""
        try:
            with self._told(but=(FileNotFoundError,)):
                return ask()
        except FileNotFoundError as error:
            if "NoSuchBucket" in str(error):
                raise self._no_bucket() from None
            return None

    @contextmanager
    def _told(self, *, but: tuple[type[BaseException], ...] = ()) -> Iterator[None]:
        """Say what the library raises in a sentence of our own: its words hold whole answers, and names of keys."""
        try:
            yield
        except but:
            raise
        except FileNotFoundError:
            # Of a write or a list: only the bucket can be missing.
            raise self._no_bucket() from None
        except self._errors as error:
            raise self._failed(error) from None

    def _no_bucket(self) -> Unavailable:
        return Unavailable(f"There is no bucket at {self.url}.", "Make it, or correct FOOTNOTE_OBJECTS.")

    def _failed(self, error: Exception) -> Unavailable:
        text, named = str(error), type(error).__name__
        if named in {"PermissionDeniedError", "UnauthenticatedError", "PermissionError"} or _REFUSED.search(
            text
        ):
            return Unavailable(
                f"The object storage {self.url} refuses what was asked of it.",
                "Check the credentials in the environment, and that they may read, write, list and delete there.",
            )
        if "redential" in text or "metadata" in text:
            return Unavailable(
                f"There are no credentials for the object storage {self.url}.",
                "Set those of its kind in the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
            )
        if named == "PreconditionError":
            return Unavailable(f"An object in {self.url} changed while it was read.", "Try again.")
        if self._local:
            return Unavailable(
                f"The folder {self.url} cannot be read or written.", "Check its disk and rights."
            )
        slow = "kind: Timeout" in text or "TimedOut" in text or self._waited(text)
        answered = _ANSWERED.search(text)
        how = f"did not answer within {self._seconds:g} s" if slow else "cannot be reached, or broke off"
        how = f"answered {answered[1]}" if answered else how
        return Unavailable(
            f"The object storage {self.url} {how}.",
            "Check AWS_ENDPOINT_URL and the network; nothing was lost, try again later."
            if self.url.startswith("s3:")
            else "Check the network; nothing was lost, try again later.",
        )

    def _waited(self, text: str) -> bool:
        took = _TOOK.search(text)
        return took is not None and float(took[1]) >= self._seconds


def open_objects(settings: ObjectSettings | None = None) -> Objects | None:
    """Open the object storage that the settings name; None where none is set. Raises Unavailable."""
    found = settings or ObjectSettings()
    if not found.objects:
        return None
    return Objects(found.objects, seconds=found.objects_seconds, retries=found.objects_retries)


def is_address(name: str) -> bool:
    """Say whether a name is that of an object, and not of a file."""
    return name.startswith(("s3://", "gs://", "az://", "file:///"))


def _library_errors() -> tuple[type[Exception], ...]:
    try:
        from obstore.exceptions import BaseError
    except ImportError as error:
        raise Unavailable("Object storage needs the obstore package.", pip_install("obstore")) from error
    return BaseError, OSError, ValueError
