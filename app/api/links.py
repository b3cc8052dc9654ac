"""Links into the viewer that a browser may follow: signed, for a time, by the key that asked.

A browser sends no Authorization header. The signature stands for the key: when the key is revoked, or its
groups change, the link follows.
"""

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from app.keys import Grant
from app.parts import Service
from app.wire.sources import Viewer
from vectorstore.types import Document, DocumentId

_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def viewer(request: Request, service: Service, grant: Grant, *, now: float) -> Viewer:
    """Make links for this caller, at the public address or at the one the request came to.

    `now` is when the run was made, so that a replay of the run carries the same links.
    """
    base = service.settings.base_url or str(request.base_url)
    return Viewer(base.rstrip("/"), _signer(service, grant, now))


def granted_by(request: Request, service: Service, document: DocumentId) -> Grant | None:
    """Return what a link's signature grants, or None when there is none that holds."""
    query = request.query_params
    key, expires, signature = query.get("key", ""), query.get("expires", ""), query.get("signature", "")
    secret = service.keys.signing_secret()
    if not secret or not _SECONDS.fullmatch(expires) or int(expires) < time.time():
        return None
    if not hmac.compare_digest(signature.encode(), _signature(secret, document, key, expires).encode()):
        return None
    return service.keys.grant_of(key)


def passed_on(request: Request, service: Service, grant: Grant, *, document: Document) -> str:
    """Return the query that lets a page's own pictures in as the page was: with its link, or a new signature.

    A link is passed on as it is, so that opening it does not make it last longer.
    """
    query = request.query_params
    if granted_by(request, service, document.id):
        return urlencode({name: query[name] for name in ("key", "expires", "signature")})
    sign = _signer(service, grant, time.time())
    return urlencode(sign(document)) if sign else ""


def _signer(service: Service, grant: Grant, now: float) -> Callable[[Document], dict[str, str]] | None:
    if not service.keys.exist() or service.settings.link_seconds <= 0:
        return None
    secret = service.keys.signing_secret()
    expires = str(int(now + service.settings.link_seconds))

    def sign(document: Document) -> dict[str, str]:
        signature = _signature(secret, document.id, grant.key, expires)
        return {"key": grant.key, "expires": expires, "signature": signature}

    return sign


def _signature(secret: bytes, document: DocumentId, key: str, expires: str) -> str:
    return hmac.new(secret, f"{document}\0{key}\0{expires}".encode(), hashlib.sha256).hexdigest()[:43]
