"""Fetches a document by URL without ever being led to an address that is not public.

A name is resolved once and the connection made to that very address; every redirect goes through the same checks.
No proxy, no cookies, no compression; bounded in time, size and kind.
"""

import http.client
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final, TypeAlias
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from vectorstore.errors import BadInput

_CARRIERS: Final = tuple(
    IPv6Network(network)
    for network in (
        "::/96",  # IPv4-compatible
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b::/96",  # NAT64
        "64:ff9b:1::/48",
        "2001::/32",  # Teredo
        "2002::/16",  # 6to4
        "fec0::/10",  # site-local, as it once was
        "3fff::/20",  # documentation, unknown to Python 3.11
        "5f00::/16",  # segment routing, the same
    )
)
"""IPv6 addresses that carry an IPv4 one, or lead nowhere that is anybody's."""
_OURS_ALONE: Final = frozenset(
    {
        ip_address("168.63.129.16"),  # Azure's own services, at an address that looks public
        ip_address("192.0.0.192"),  # Oracle's
    }
)
_BROADCAST: Final = ip_network("240.0.0.0/4")


def is_public(address: str) -> bool:
    """Say whether a numeric address belongs to the public internet; anything in doubt does not."""
    try:
        found = ip_address(address)
    except ValueError:
        # with a zone (fe80::1%eth0), or no address at all
        return False
    if isinstance(found, IPv6Address):
        return not found.scope_id and _is_public_v6(found)
    return _is_public_v4(found)


def _is_public_v4(address: IPv4Address) -> bool:
    special = address.is_multicast or address.is_reserved or address in _BROADCAST
    return address.is_global and not special and address not in _OURS_ALONE


def _is_public_v6(address: IPv6Address) -> bool:
    if address.ipv4_mapped is not None:
        return False
    special = address.is_multicast or address.is_reserved or any(address in each for each in _CARRIERS)
    return address.is_global and not special


Resolve: TypeAlias = Callable[[str, int], Sequence[str]]
"""(host, port) → the addresses that it stands for; raises OSError."""

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS: Final = 3
_LONGEST_URL: Final = 2_000
_LONGEST_NAME: Final = 60
"""Letters of a name: with an ending that no system finds too long, whatever their alphabet."""
_BLOCK: Final = 1 << 16
_PRIVILEGED: Final = 1_024
_KINDS: Final = ("text/", "application/", "message/rfc822")
_ADVICE: Final = "Download it yourself and ingest the file."


class Unfetchable(BadInput):
    """A URL that must not or cannot be fetched."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came: its bytes, a file name for it, and when it was last changed, if the server said so."""

    content: bytes
    name: str
    modified: datetime | None = None


def resolve(host: str, port: int) -> list[str]:
    """Ask the system what a name stands for."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[4][0]) for address in found))


@dataclass(frozen=True, slots=True)
class Fetcher:
    """Fetches from `hosts` (patterns such as `*.example.org`); nothing without any."""

    hosts: Sequence[str]
    seconds: float = 10.0
    max_bytes: int = 20_000_000
    resolve: Resolve = resolve
    permits: Callable[[str], bool] = is_public
    context: ssl.SSLContext | None = None

    def fetch(self, url: str) -> Fetched:
        """Return what is at a URL; raises Unfetchable."""
        deadline = time.monotonic() + self.seconds
        for _ in range(_MOST_REDIRECTS + 1):
            parts = self._checked(url)
            try:
                answer = self._ask(parts, deadline)
            except (OSError, http.client.HTTPException, ValueError) as error:
                late = time.monotonic() >= deadline
                why = f"it took longer than {self.seconds:g} s" if late else type(error).__name__
                raise Unfetchable(f"{url[:200]!r} cannot be fetched: {why}.", "Try again later.") from error
            if isinstance(answer, Fetched):
                return answer
            following = urljoin(url, answer)
            if parts.scheme == "https" and urlsplit(following).scheme != "https":
                raise Unfetchable(f"{url[:200]!r} leads from https to elsewhere.", _ADVICE)
            url = following
        raise Unfetchable(f"{url[:200]!r} lies behind more than {_MOST_REDIRECTS} redirects.", _ADVICE)

    def _checked(self, url: str) -> SplitResult:
        """Return a URL's parts if it may be asked for at all."""
        odd = any(ord(character) <= 32 or ord(character) == 127 for character in url) or "\\" in url
        try:
            parts = urlsplit(url)
            port, host = parts.port, parts.hostname or ""
            host.encode("ascii")
        except ValueError as error:
            raise Unfetchable(
                f"{url[:200]!r} is not a proper URL.", "Write it as a browser shows it."
            ) from error
        if odd or len(url) > _LONGEST_URL or not host or parts.username is not None or "%" in host:
            raise Unfetchable(f"{url[:200]!r} is not a proper URL.", "Write it as a browser shows it.")
        if parts.scheme not in ("http", "https"):
            raise Unfetchable(f"{url[:200]!r} is not fetched: only http and https are.", _ADVICE)
        if port is not None and port < _PRIVILEGED and port not in (80, 443):
            raise Unfetchable(f"{url[:200]!r} names port {port}, which is not the web's.", _ADVICE)
        if not any(fnmatchcase(host.rstrip("."), pattern.casefold()) for pattern in self.hosts):
            raise Unfetchable(
                f"{host[:200]!r} is not among the hosts that documents are fetched from.",
                "Add it to FOOTNOTE_URL_HOSTS.",
            )
        return parts

    def _ask(self, parts: SplitResult, deadline: float) -> Fetched | str:
        """Ask one server; return what it gives, or where it sends us."""
        with self._connected(parts, deadline) as connection:
            target = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~-._") + (
                f"?{parts.query}" if parts.query else ""
            )
            connection.request(
                "GET",
                target,
                headers={"Accept-Encoding": "identity", "User-Agent": "footnote", "Connection": "close"},
            )
            answer = connection.getresponse()
            if answer.status in _REDIRECTS:
                return answer.getheader("Location") or ""
            if answer.status != 200:
                raise Unfetchable(
                    f"The server answers {answer.status} for {parts.geturl()[:200]!r}.", "Check it."
                )
            kind = (answer.getheader("Content-Type") or "").partition(";")[0].strip().casefold()
            if not kind.startswith(_KINDS) or answer.getheader("Content-Encoding", "identity") != "identity":
                raise Unfetchable(
                    f"{parts.geturl()[:200]!r} is of a kind that is not read ({kind[:80]}).", _ADVICE
                )
            return Fetched(self._body(answer), _name(parts, kind), _date(answer.getheader("Last-Modified")))

    @contextmanager
    def _connected(self, parts: SplitResult, deadline: float) -> Iterator[http.client.HTTPConnection]:
        """Connect to an address that has been checked, and cut the connection when time is up."""
        host, secure = parts.hostname or "", parts.scheme == "https"
        port = parts.port or (443 if secure else 80)
        addresses = self.resolve(host, port)
        if not addresses or not all(self.permits(address) for address in addresses):
            raise Unfetchable(f"{host[:200]!r} is not a public address.", _ADVICE)
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        plain = socket.create_connection((addresses[0], port), timeout=left)
        # A socket's own timeout starts anew with every byte that a slow server sends.
        watchdog = threading.Timer(max(deadline - time.monotonic(), 0.01), _cut, [plain])
        watchdog.daemon = True
        watchdog.start()
        connection = http.client.HTTPConnection(host, port)
        try:
            connection.sock = plain
            if secure:
                context = self.context or ssl.create_default_context()
                connection.sock = context.wrap_socket(plain, server_hostname=host)
                watchdog.cancel()
                watchdog = threading.Timer(max(deadline - time.monotonic(), 0.01), _cut, [connection.sock])
                watchdog.daemon = True
                watchdog.start()
            yield connection
        finally:
            watchdog.cancel()
            connection.close()
            plain.close()

    def _body(self, answer: http.client.HTTPResponse) -> bytes:
        content = bytearray()
        while block := answer.read(_BLOCK):
            content += block
            if len(content) > self.max_bytes:
                raise Unfetchable(f"It is larger than {self.max_bytes // 1_000_000} MB.", _ADVICE)
        if answer.length:
            raise ConnectionError("the answer was cut short")
        return bytes(content)


def _cut(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


def _name(parts: SplitResult, kind: str) -> str:
    """Name the file after the last part of the path; a page without an ending is named as one."""
    name = "".join(each for each in parts.path.rpartition("/")[2] if each.isalnum() or each in "-_.")
    name = name[-_LONGEST_NAME:]
    if "." not in name.strip("."):
        endings = {"text/html": ".html", "application/xhtml+xml": ".html", "text/markdown": ".md"}
        name = (name.strip(".") or "index") + endings.get(kind, "")
    return name.lstrip(".")


def _date(header: str | None) -> datetime | None:
    with suppress(ValueError, TypeError):
        return parsedate_to_datetime(header) if header else None
    return None
