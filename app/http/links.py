"""Links into the viewer that a browser may follow: signed, for a time, by the key that asked, for one place.

A browser sends no Authorization header. The signature stands for the key: when the key is revoked, or its
groups change, the link follows. It opens the place it was made for: with a key that may read documents, the
document with the place marked; with any other, the place and a little around it.
"""

import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

from fastapi import Request

from app.http.access import own_address
from app.identity.grant import Grant
from app.service import Service
from app.wire.sources import Viewer
from vectorstore.types import Document, DocumentId

SIGNED_WITH: Final = ("key", "expires", "signature")
"""The parts of a link's query that are no place."""
_SECONDS: Final = re.compile(r"[0-9]{1,12}")


def viewer(request: Request, service: Service, grant: Grant, *, now: float) -> Viewer:
    """Make links for this caller, at the public address or at the one the request came to.

    `now` is when the run was made, so that a replay of the run carries the same links.
    """
    return Viewer(own_address(request, service), _signer(service, grant, now))


def granted_by(
    request: Request, service: Service, document: DocumentId, place: Mapping[str, str]
) -> Grant | None:
    """Return what a link's signature grants at this place, or None when there is none that holds."""
    query = request.query_params
    key, expires, signature = query.get("key", ""), query.get("expires", ""), query.get("signature", "")
    if not signature or not _SECONDS.fullmatch(expires) or int(expires) < time.time():
        return None
    secret = service.identity.keys.signing_secret()
    wanted = _signature(secret, document, place, key=key, expires=expires)
    if not secret or not hmac.compare_digest(signature.encode(), wanted.encode()):
        return None
    return service.identity.keys.grant_of(key)


def pictures_of(request: Request, service: Service, grant: Grant, document: Document) -> Callable[[int], str]:
    """Return what makes, for each page, the query that lets its picture in.

    What a link opened lasts as long as the link, so that opening it does not make it last longer.
    """
    given = request.query_params.get("expires", "") if request.query_params.get("signature") else ""
    until = int(given) if _SECONDS.fullmatch(given) else None
    sign = _signer(service, grant, time.time(), until)
    return lambda page: urlencode(sign(document, {"page": str(page)})) if sign else ""


def _signer(
    service: Service, grant: Grant, now: float, until: int | None = None
) -> Callable[[Document, Mapping[str, str]], dict[str, str]] | None:
    if not service.identity.keys.exist() or service.settings.client.link_seconds <= 0:
        return None
    secret = service.identity.keys.signing_secret()
    latest = int(now + service.settings.client.link_seconds)
    expires = str(latest if until is None else min(until, latest))

    def sign(document: Document, place: Mapping[str, str]) -> dict[str, str]:
        signature = _signature(secret, document.id, place, key=grant.key, expires=expires)
        return {"key": grant.key, "expires": expires, "signature": signature}

    return sign


def _signature(
    secret: bytes, document: DocumentId, place: Mapping[str, str], *, key: str, expires: str
) -> str:
    signed = json.dumps([document, sorted(place.items()), key, expires])
    return hmac.new(secret, signed.encode(), hashlib.sha256).hexdigest()[:43]
