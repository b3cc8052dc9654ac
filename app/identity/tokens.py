"""Tokens of our own, for browsers: a client token for one user of a server's key, a visitor token for a stranger.

They are JWTs signed with the secret beside the keys, and no better than the key they were given for: when it is
revoked or expires, they open nothing. A prefix tells them from keys and from a provider's tokens, before anything in
them is read.
"""

import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import jwt

from app.identity.grant import EXPIRED, Grant, for_user
from app.identity.keys import Keys
from vectorstore.errors import BadInput, FootnoteError, NotAllowed

PREFIX: Final = "fns_"
_ALGORITHM: Final = "HS256"
_SESSION: Final = "footnote:session"
_VISITOR: Final = "footnote:visitor"
_LONGEST: Final = 6_000
"""Characters of a token, with which a request's headers still pass servers and proxies."""


@dataclass(frozen=True, slots=True)
class Issued:
    """A token just made; `expires` is in seconds since 1970."""

    token: str
    expires: int


class Tokens:
    """Makes tokens and reads them again."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys

    def for_user(self, granted: Grant, user: str, groups: Sequence[str], *, seconds: int) -> Issued:
        """Make a client token for one user of a key that may act for users.

        Raises BadInput for names that are none and for more groups than fit, NotAllowed for groups not the key's.
        """
        scope = for_user(granted, user, groups).scope
        return self._issued(granted, seconds, aud=_SESSION, sub=scope.user, groups=sorted(scope.groups))

    def for_visitor(self, granted: Grant, *, days: int) -> Issued:
        """Make a token for a visitor whom nobody has seen before, of a page's key."""
        return self._issued(granted, days * 86_400, aud=_VISITOR, sub=secrets.token_hex(16))

    def grant(self, token: str) -> Grant:
        """Return what a token grants now; raises NotAllowed for one that is not ours, has expired or lost its key."""
        claims = self._claims(token)
        granted = self._keys.grant_of(claims["key"])
        if granted is None:
            raise NotAllowed(
                "The key that this token was given for is closed.", "Get a token from another key."
            )
        is_visitor = claims["aud"] == _VISITOR
        if is_visitor != granted.cites_only or (not is_visitor and "act" not in granted.rights):
            raise _invalid()
        chatting = replace(granted, rights=granted.rights & {"chat"}, expires=float(claims["exp"]))
        if is_visitor:
            return replace(chatting, person=f"v_{claims['sub']}")
        try:
            return for_user(chatting, claims["sub"], claims.get("groups", ()))
        except FootnoteError as error:
            raise _invalid() from error

    def _issued(self, granted: Grant, seconds: int, **claims: object) -> Issued:
        now = time.time()
        expires = int(now + seconds if granted.expires is None else min(now + seconds, granted.expires))
        body = {**claims, "key": granted.key, "iat": int(now), "exp": expires}
        token = PREFIX + jwt.encode(body, self._keys.signing_secret(), _ALGORITHM)
        if len(token) > _LONGEST:
            raise BadInput("These groups do not fit into a token.", "Name those that the page needs.")
        return Issued(token, expires)

    def _claims(self, token: str) -> Mapping[str, Any]:  # Any: parsed JSON that we signed
        if len(token) > _LONGEST or not token.isascii() or not self._keys.exist():
            raise _invalid()
        try:
            claims: Mapping[str, Any] = jwt.decode(
                token.removeprefix(PREFIX),
                self._keys.signing_secret(),
                algorithms=[_ALGORITHM],
                audience=[_SESSION, _VISITOR],
                options={"require": ["aud", "exp", "iat", "sub", "key"]},
            )
        except jwt.ExpiredSignatureError as error:
            raise NotAllowed(EXPIRED, "Get a new one.") from error
        except jwt.PyJWTError as error:
            raise _invalid() from error
        if claims["aud"] not in (_SESSION, _VISITOR):  # a list of both, too
            raise _invalid()
        return claims


def _invalid() -> NotAllowed:
    return NotAllowed("The token is not valid.", "Get a new one.")
