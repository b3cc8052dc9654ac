"""Tokens of an OpenID Connect provider: whether they are its own, meant for this service, and of this time.

PyJWT reads and checks them. What a token says of its own key (`jwk`, `jku`, `x5u`) is never followed: keys come
from the provider alone. No token and no claim stands in a sentence or a log.
"""

import asyncio
import json
import logging
import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import jwt
from jwt.exceptions import PyJWTError

from app.access_settings import IdentitySettings, listed, safe_address
from app.identity.grant import EXPIRED
from vectorstore.errors import BadInput, NotAllowed, Unavailable

_log = logging.getLogger(__name__)
Claims: TypeAlias = Mapping[str, Any]  # Any: parsed JSON of a token whose signature holds

LONGEST: Final = 32_768
"""Characters of a token; with the groups of somebody who is in two hundred it has ten thousand."""
_FRESH: Final = 300.0
"""Seconds after which the provider is asked again for its keys."""
_KEPT: Final = 86_400.0
"""Seconds for which keys serve on while the provider cannot be reached."""
_PAUSE: Final = 5.0
"""Seconds between two requests for keys, whatever callers show: invented key ids make no flood."""
_PATIENCE: Final = 5.0
_MOST_BYTES: Final = 1_000_000
_FITS: Final[Mapping[str, tuple[str, str | None]]] = {
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}
"""The type and curve of the key that an algorithm takes; of all others it is RSA."""
_TYPES: Final = frozenset({"", "jwt", "at+jwt"})
"""Types of token that say who somebody is; a logout token, an event or a proof is none."""
_SIGN_IN: Final = "Sign in again."
_SAID: Final[tuple[tuple[type[PyJWTError], str, str], ...]] = (
    (jwt.ExpiredSignatureError, EXPIRED, _SIGN_IN),
    (
        jwt.ImmatureSignatureError,
        "The token is not valid yet.",
        "Set the clocks of this machine and the provider right.",
    ),
    (jwt.InvalidIssuerError, "The token is another issuer's.", "Sign in with this service's provider."),
    (
        jwt.InvalidAudienceError,
        "The token is meant for another service.",
        "Ask the provider for one whose audience is this service.",
    ),
    (jwt.InvalidSignatureError, "The token's signature does not hold.", _SIGN_IN),
    (jwt.InvalidKeyError, "The token is signed with a key too short to be safe.", "Have the provider make a longer one."),
    (jwt.MissingRequiredClaimError, "The token lacks its issuer, its audience or its end.", _SIGN_IN),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Endpoints:
    """What the provider says of itself; `end_session` is empty where it offers none."""

    authorization: str
    token: str
    end_session: str
    keys: str


class Provider:
    """One provider. `fetch` gets the JSON object at an address; raises Unavailable."""

    def __init__(
        self,
        settings: IdentitySettings,
        *,
        fetch: "Callable[[str], Awaitable[dict[str, Any]]] | None" = None,  # Any: parsed JSON
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take the settings; raises BadInput where they do not go together."""
        if not listed(settings.oidc_audience):
            raise BadInput(
                "FOOTNOTE_OIDC_ISSUER is set, and FOOTNOTE_OIDC_AUDIENCE is not.",
                "Set it to what the provider writes as audience into tokens for this service.",
            )
        self._settings = settings
        self._fetch = fetch or fetched
        self._algorithms = listed(settings.oidc_algorithms)
        self._clock = clock
        self._endpoints: Endpoints | None = None
        self._asking = asyncio.Lock()
        self._failed: tuple[float, Unavailable] | None = None
        self._keys = _Keys(self._published, self._algorithms, clock)

    async def claims(self, token: str) -> Claims:
        """Return what a token says; raises NotAllowed, and Unavailable where no key can be had to check it with."""
        header = _header(token)
        algorithm, kid = header.get("alg"), header.get("kid")
        if not isinstance(algorithm, str) or algorithm not in self._algorithms:
            raise NotAllowed(
                "The token is signed in a way that this service does not take.",
                f"It takes {', '.join(self._algorithms)}.",
            )
        key = await self._keys.find(kid, algorithm)
        if key is None:
            raise NotAllowed(
                "The token is signed with a key that this service's provider does not publish.", _SIGN_IN
            )
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=listed(self._settings.oidc_audience),
                issuer=self._settings.oidc_issuer,
                leeway=self._settings.oidc_leeway_seconds,
                options={"require": ["iss", "aud", "exp"], "enforce_minimum_key_length": True},
            )
        except PyJWTError as error:
            raise _refused(error) from None
        if "cnf" in claims:
            raise NotAllowed(
                "The token is bound to a key of its holder, which this service cannot check.",
                "Ask the provider for a plain bearer token.",
            )
        for name in ("exp", "nbf", "iat"):
            if name in claims and not _is_time(claims[name]):
                raise NotAllowed("The token says no time that can be read.", _SIGN_IN)
        return claims

    async def endpoints(self) -> Endpoints:
        """Return where the provider signs people in; raises Unavailable. Whoever calls, it is asked now and then."""
        async with self._asking:
            if self._endpoints is None:
                if self._failed is not None and self._clock() - self._failed[0] < _PAUSE:
                    raise Unavailable(self._failed[1].what, self._failed[1].hint)
                try:
                    self._endpoints = await self._discovered()
                except Unavailable as error:
                    self._failed = self._clock(), error
                    raise
            return self._endpoints

    async def _discovered(self) -> Endpoints:
        issuer = self._settings.oidc_issuer
        found = await self._fetch(issuer.rstrip("/") + "/.well-known/openid-configuration")
        if found.get("issuer") != issuer:
            raise Unavailable(
                "The identity provider calls itself otherwise than FOOTNOTE_OIDC_ISSUER.",
                "Write it exactly as the provider's discovery document does, with or without a slash at its end.",
            )
        return Endpoints(
            authorization=_address(found, "authorization_endpoint"),
            token=_address(found, "token_endpoint"),
            end_session=_address(found, "end_session_endpoint", optional=True),
            keys=_address(found, "jwks_uri"),
        )

    async def _published(self) -> dict[str, Any]:
        try:
            return await self._fetch(self._settings.oidc_jwks_url or (await self.endpoints()).keys)
        except Unavailable:
            self._endpoints = None  # they may have moved
            raise


class _Keys:
    """The provider's keys, read again when they are old or one is missing; they serve on while it is away."""

    def __init__(
        self,
        published: Callable[[], Awaitable[dict[str, Any]]],
        algorithms: tuple[str, ...],
        clock: Callable[[], float],
    ) -> None:
        self._published = published
        self._algorithms = algorithms
        self._clock = clock
        self._known: list[tuple[str | None, str, jwt.PyJWK]] = []
        self._read = self._tried = self._missed = -math.inf
        self._trouble: Unavailable | None = None
        self._lock = asyncio.Lock()

    async def find(self, kid: object, algorithm: str) -> jwt.PyJWK | None:
        """Return the one key of this id for this algorithm; raises Unavailable where the provider cannot be asked.

        A token without an id is checked where only one key can be meant.
        """
        if self._is_old() and not (self._known and self._lock.locked()):
            await self._read_again(self._is_old)
        if (found := self._fitting(kid, algorithm)) is None:
            # The provider may have made a new key, or the caller an id.
            await self._read_again(lambda: self._fitting(kid, algorithm) is None and self._may_miss())
            found = self._fitting(kid, algorithm)
        if found is None and self._trouble is not None:
            raise Unavailable(self._trouble.what, self._trouble.hint)
        return found

    def _is_old(self) -> bool:
        return self._clock() - self._read > _FRESH and self._clock() - self._tried >= _PAUSE

    def _may_miss(self) -> bool:
        """Say whether a missing key may be asked for now; the first one is, however lately the others were read."""
        now = self._clock()
        if now - self._missed < _PAUSE or (self._trouble is not None and now - self._tried < _PAUSE):
            return False
        self._missed = now
        return True

    async def _read_again(self, is_wanted: Callable[[], bool]) -> None:
        async with self._lock:
            if not is_wanted():  # somebody did while this waited
                return
            try:
                self._known = list(_usable(await self._published(), self._algorithms))
                self._read, self._trouble = self._clock(), None
            except Unavailable as error:
                self._trouble = error
                if self._clock() - self._read > _KEPT:
                    self._known = []
            self._tried = self._clock()

    def _fitting(self, kid: object, algorithm: str) -> jwt.PyJWK | None:
        found = [key for name, fits, key in self._known if fits == algorithm and kid in (None, name)]
        return found[0] if len(found) == 1 else None


async def fetched(url: str) -> dict[str, Any]:
    """Return the JSON object at an address of the provider; raises Unavailable."""
    import httpx2

    trouble = Unavailable(
        "The identity provider cannot be asked, so nobody's token can be checked.",
        "Try again later; the service's log says why.",
    )
    try:
        async with asyncio.timeout(_PATIENCE):
            safe = await asyncio.to_thread(httpx2.create_ssl_context)  # reads files
            client = httpx2.AsyncClient(verify=safe, follow_redirects=False, timeout=_PATIENCE)
            async with client, client.stream("GET", url, headers={"accept": "application/json"}) as response:
                body = b""
                async for piece in response.aiter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise trouble
        found = json.loads(body) if response.status_code == 200 else None
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, ValueError, RecursionError) as error:
        _log.warning("The identity provider cannot be asked at %s: %s", url, type(error).__name__)
        raise trouble from error
    if not isinstance(found, dict):
        _log.warning("The identity provider sends no JSON object at %s: %d", url, response.status_code)
        raise trouble
    return found


def _usable(
    published: Mapping[str, Any], algorithms: tuple[str, ...]
) -> Iterator[tuple[str | None, str, jwt.PyJWK]]:
    """Yield each key's id with every algorithm that it may sign by; raises Unavailable where there is none."""
    is_empty = True
    keys = published.get("keys")
    for each in keys if isinstance(keys, list) else ():
        for algorithm in algorithms if isinstance(each, dict) else ():
            if not _signs(each, algorithm):
                continue
            try:
                key = jwt.PyJWK(each, algorithm)
            except PyJWTError:
                continue
            is_empty = False
            yield each.get("kid"), algorithm, key
    if is_empty:
        raise Unavailable(
            "The identity provider publishes no key that this service can use.",
            "Name the provider's algorithm in FOOTNOTE_OIDC_ALGORITHMS.",
        )


def _signs(key: Mapping[str, Any], algorithm: str) -> bool:
    kind, curve = _FITS.get(algorithm, ("RSA", None))
    operations = key.get("key_ops")
    return (
        key.get("kty") == kind
        and key.get("crv") == curve
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (operations is None or (isinstance(operations, list) and "verify" in operations))
        and "d" not in key  # whoever reads it could sign
    )


def _header(token: str) -> dict[str, Any]:
    """Return the header of a token, unchecked; raises NotAllowed for what is none."""
    if len(token) > LONGEST:
        raise NotAllowed(
            f"The token has more than {LONGEST:,} characters.", "Have the provider put less into it."
        )
    if token.count(".") != 2 or not token.isascii():
        raise NotAllowed(
            "This is neither an API key nor a signed token.",
            "Send the access token (a JWT) that the provider gave for this service.",
        )
    try:
        header = jwt.get_unverified_header(token)
    except PyJWTError as error:
        raise _refused(error) from None
    kind = header.get("typ", "")
    if "crit" in header or "b64" in header:
        raise NotAllowed("The token demands an extension that this service does not know.", _SIGN_IN)
    if not isinstance(kind, str) or kind.lower().removeprefix("application/") not in _TYPES:
        raise NotAllowed("The token is of a kind that lets nobody in.", "Send an access token.")
    return header


def _refused(error: PyJWTError) -> NotAllowed:
    what, hint = next(
        ((what, hint) for kind, what, hint in _SAID if isinstance(error, kind)),
        ("The token cannot be read.", _SIGN_IN),
    )
    return NotAllowed(what, hint)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _address(found: Mapping[str, Any], name: str, *, optional: bool = False) -> str:
    value = found.get(name, "" if optional else None)
    if value == "" and optional:
        return ""
    try:
        return safe_address(value) if isinstance(value, str) else safe_address("")
    except ValueError as error:
        raise Unavailable(
            f"The identity provider's discovery document names no safe `{name}`.",
            "It has to be an https address. Correct FOOTNOTE_OIDC_ISSUER, or the provider.",
        ) from error
