"""Older versions of objects in S3: whether the bucket keeps them, and deleting them too.

The library deletes only what is seen: where a bucket keeps versions, that hides an object and leaves its bytes. These
four requests are signed here (AWS Signature Version 4), with the credentials in the environment.
"""

import hashlib
import hmac
import os
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from http.client import HTTPException
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import Request, urlopen

from vectorstore.errors import Unavailable

_AT_ONCE: Final = 8
_MOST: Final = 16 << 20
"""Bytes of an answer; a thousand versions take less than one."""
_EMPTY: Final = hashlib.sha256(b"").hexdigest()
_PASSING: Final = frozenset({408, 429, 500, 502, 503, 504})
"""Answers of a server that may give another one in a moment."""
_PAUSE: Final = 0.1
"""Seconds before a request is repeated for the first time."""


def endpoint() -> str:
    """Return the address of the S3 server that the environment names, empty for Amazon's own."""
    named = (os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"))
    return next(filter(None, named), "").rstrip("/")


class _Refused(Unavailable):
    """The bucket answers, and never that."""


class _Passing(Unavailable):
    """The bucket did not answer, and may the next time."""


class Versions:
    """The versions that one bucket keeps. Safe to use from several threads."""

    def __init__(self, bucket: str, *, seconds: float, retries: int = 0) -> None:
        self._bucket = bucket
        self._seconds = seconds
        self._retries = retries

    def are_kept(self) -> bool | None:
        """Say whether the bucket keeps older versions, or did; None without credentials in the environment, or the right to ask.

        Raises Unavailable where it does not answer: whoever took that for a no would hide an object and leave its bytes.
        """
        if _credentials() is None:
            return None
        with suppress(_Refused):
            return bool(_first(self._read({"versioning": ""}), "Status"))
        return None

    def delete(self, prefix: str) -> int:
        """Delete all versions of the object of this key, and of all below it; return how many.

        What hides a deleted object goes too, uncounted. Raises Unavailable.
        """
        found = list(self._listed(prefix))
        with ThreadPoolExecutor(_AT_ONCE) as threads:
            list(threads.map(lambda each: self._ask("DELETE", each[0], {"versionId": each[1]}), found))
        return sum(1 for *_, is_marker in found if not is_marker)

    def make_bucket(self, *, versioned: bool = False) -> None:
        """Make the bucket; for tests and first steps on a server of one's own."""
        self._ask("PUT", "", {})
        if versioned:
            self.keep(versioned=True)

    def keep(self, *, versioned: bool) -> None:
        """Have the bucket keep older versions from now on, or no longer."""
        state = "Enabled" if versioned else "Suspended"
        body = f"<VersioningConfiguration><Status>{state}</Status></VersioningConfiguration>"
        self._ask("PUT", "", {"versioning": ""}, body.encode())

    def _listed(self, prefix: str) -> Iterator[tuple[str, str, bool]]:
        """Yield key, version, and whether it is one that hides the object."""
        asked = {"versions": "", "prefix": prefix, "max-keys": "1000"}
        while True:
            page = self._read(asked)
            for each in page.iter("{*}Version", "{*}DeleteMarker"):
                key = each.findtext("{*}Key") or ""
                if key == prefix or key.startswith(f"{prefix}/"):
                    hides = each.tag.endswith("DeleteMarker")
                    yield key, each.findtext("{*}VersionId") or "null", hides
            if _first(page, "IsTruncated") != "true":
                return
            asked["key-marker"] = _first(page, "NextKeyMarker")
            asked["version-id-marker"] = _first(page, "NextVersionIdMarker")

    def _read(self, query: Mapping[str, str]) -> Any:
        """Return what the bucket answers, as XML; raises Unavailable."""
        from lxml import etree

        content = self._ask("GET", "", query)
        try:
            # Nothing in an answer may name a file or an address to be read.
            return etree.fromstring(content, etree.XMLParser(resolve_entities=False, no_network=True))
        except etree.XMLSyntaxError:
            raise Unavailable(
                f"The bucket {self._bucket!r} answered something else than XML when asked for versions of objects.",
                "Check AWS_ENDPOINT_URL.",
            ) from None

    def _ask(self, method: str, key: str, query: Mapping[str, str], body: bytes = b"") -> bytes:
        for tried in range(self._retries):
            with suppress(_Passing):
                return self._once(method, key, query, body)
            time.sleep(_PAUSE * 2**tried)
        return self._once(method, key, query, body)

    def _once(self, method: str, key: str, query: Mapping[str, str], body: bytes) -> bytes:
        address = f"{self._address}/{quote(key)}" if key else self._address
        asked = "&".join(
            f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in sorted(query.items())
        )
        request = Request(f"{address}?{asked}" if asked else address, data=body or None, method=method)  # noqa: S310
        for name, value in _signed(method, address, asked, body).items():
            request.add_header(name, value)
        try:
            with urlopen(request, timeout=self._seconds) as answer:  # noqa: S310 - http and https alone, see _address
                content: bytes = answer.read(_MOST)
                if answer.length:
                    raise ConnectionError
                return content
        except HTTPError as error:
            error.close()
            if method == "DELETE" and error.code == 404:
                return b""
            raise (_Passing if error.code in _PASSING else _Refused)(
                f"The bucket {self._bucket!r} answered {error.code} when asked for versions of objects.",
                "Allow s3:GetBucketVersioning, s3:ListBucketVersions and s3:DeleteObjectVersion there.",
            ) from None
        except (URLError, OSError, HTTPException) as error:
            why = getattr(error, "reason", error)
            raise _Passing(
                f"The bucket {self._bucket!r} cannot be asked for versions of objects ({type(why).__name__}).",
                "Try again later.",
            ) from None

    @property
    def _address(self) -> str:
        named = endpoint()
        if named and not named.startswith(("http://", "https://")):
            raise Unavailable("AWS_ENDPOINT_URL is no address.", "Write it like https://host.")
        return f"{named or f'https://s3.{_region()}.amazonaws.com'}/{self._bucket}"


def _region() -> str:
    return os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION") or "us-east-1"


def _credentials() -> tuple[str, str, str] | None:
    """Return key, secret and token from the environment."""
    key, secret = os.environ.get("AWS_ACCESS_KEY_ID", ""), os.environ.get("AWS_SECRET_ACCESS_KEY", "")
    token = os.environ.get("AWS_SESSION_TOKEN") or os.environ.get("AWS_TOKEN") or ""
    return (key, secret, token) if key and secret else None


def _signed(method: str, address: str, query: str, body: bytes) -> dict[str, str]:
    """Return the headers that sign a request."""
    key, secret, token = _credentials() or ("", "", "")
    parts, now = urlsplit(address), datetime.now(UTC)
    day, moment, region = f"{now:%Y%m%d}", f"{now:%Y%m%dT%H%M%SZ}", _region()
    content = hashlib.sha256(body).hexdigest() if body else _EMPTY
    headers = {"host": parts.netloc, "x-amz-content-sha256": content, "x-amz-date": moment}
    if token:
        headers["x-amz-security-token"] = token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
    whole = "\n".join((method, parts.path or "/", query, lines, names, content))
    scope = f"{day}/{region}/s3/aws4_request"
    told = "\n".join(("AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(whole.encode()).hexdigest()))
    signing = f"AWS4{secret}".encode()
    for each in (day, region, "s3", "aws4_request"):
        signing = hmac.digest(signing, each.encode(), "sha256")
    signature = hmac.digest(signing, told.encode(), "sha256").hex()
    headers["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={key}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _first(page: Any, name: str) -> str:
    return page.findtext(f"{{*}}{name}") or ""
