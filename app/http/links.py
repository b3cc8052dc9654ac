"""Links into the viewer that a browser may follow: signed, for a time, by the key that asked, for one place.

A browser sends no Authorization header. The signature stands for the key: when the key is revoked, or its
groups change, the link follows. It opens the place it was made for: with a key that may read documents, the
document with the place marked; with any other, the place and a little around it.

A link of a person, of whom there may be many behind one key or none, names the one reader of the document that lets
them in: it opens while the key does, and while the document is still that reader's.
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
from app.identity.grant import Grant, Right
from app.service import Service
from app.telemetry.requests import wrong_key
from app.wire.sources import Viewer
from vectorstore.types import USER, Document, DocumentId, Scope

_OF_PERSON: Final = ("tenant", "reader", "whole")
"""What a link of a person says beside the key: whose documents, which reader lets them in, and `1` for the whole text."""
_SAID: Final = ("key", *_OF_PERSON, "expires")
SIGNED_WITH: Final = (*_SAID, "signature")
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
    said = {name: query[name] for name in _SAID if name in query}
    signature, expires = query.get("signature", ""), said.get("expires", "")
    if not signature or not _SECONDS.fullmatch(expires) or int(expires) < time.time():
        return None
    if not service.identity.is_closed:
        return None
    wanted = _signature(service.identity.keys.signing_secret(), document, place, said)
    if not hmac.compare_digest(signature.encode(), wanted.encode()):
        address = request.state.address if service.settings.telemetry.log_addresses else ""
        wrong_key("link", bearer="", address=address)
        return None
    return _reader(service, said) if "reader" in said else service.identity.keys.grant_of(said.get("key", ""))


def pictures_of(request: Request, service: Service, grant: Grant, document: Document) -> Callable[[int], str]:
    """Return what makes, for each page, the query that lets its picture in.

    What a link opened lasts as long as the link, so that opening it does not make it last longer.
    """
    given = request.query_params.get("expires", "") if request.query_params.get("signature") else ""
    until = int(given) if _SECONDS.fullmatch(given) else None
    sign = _signer(service, grant, time.time(), until)
    return lambda page: urlencode(sign(document, {"page": str(page)})) if sign else ""


def _reader(service: Service, said: Mapping[str, str]) -> Grant | None:
    """Return what a person's link grants: the sight of one reader, while the key has it or the way in is open."""
    key, reader = said.get("key", ""), said["reader"]
    is_user = reader.startswith(USER)
    groups = frozenset() if is_user or not reader else frozenset({reader})
    identity = service.identity
    if key in {"oidc", "proxy"}:
        if (identity.provider if key == "oidc" else identity.proxy) is None:
            return None
        tenant = said.get("tenant", "")
    else:
        granted = service.identity.keys.grant_of(key)
        if granted is None or not (granted.scope.unrestricted or groups <= granted.scope.groups):
            return None
        tenant = granted.scope.tenant
    scope = Scope(tenant, groups, user=reader.removeprefix(USER) if is_user else "")
    rights: frozenset[Right] = frozenset({"documents"}) if said.get("whole") else frozenset()
    return Grant(key, scope, rights)


def _signer(
    service: Service, grant: Grant, now: float, until: int | None = None
) -> Callable[[Document, Mapping[str, str]], dict[str, str]] | None:
    if not service.identity.is_closed or service.settings.client.link_seconds <= 0:
        return None
    secret = service.identity.keys.signing_secret()
    latest = int(now + service.settings.client.link_seconds)
    expires = str(latest if until is None else min(until, latest))
    of_key = service.identity.keys.grant_of(grant.key)
    is_key = of_key is not None and (of_key.scope, of_key.rights) == (grant.scope, grant.rights)

    def sign(document: Document, place: Mapping[str, str]) -> dict[str, str]:
        said = {"key": grant.key, "expires": expires}
        if not is_key:
            said |= _person(grant, document, of_key)
        return said | {"signature": _signature(secret, document.id, place, said)}

    return sign


def _person(grant: Grant, document: Document, of_key: Grant | None) -> dict[str, str]:
    """Say what a person's link needs: the one reader by whom they may read, and where no key says it the tenant."""
    # An operator is let in by any of its readers.
    readers = document.readers if grant.scope.unrestricted else document.readers & grant.scope.names
    said = {"reader": min(readers, default="")}
    if of_key is None:
        said["tenant"] = grant.scope.tenant
    return said | ({"whole": "1"} if "documents" in grant.rights else {})


def _signature(secret: bytes, document: DocumentId, place: Mapping[str, str], said: Mapping[str, str]) -> str:
    person = sorted((name, value) for name, value in said.items() if name in _OF_PERSON)
    signed: list[object] = [document, sorted(place.items()), said.get("key", ""), said.get("expires", "")]
    message = json.dumps([*signed, person] if person else signed)
    return hmac.new(secret, message.encode(), hashlib.sha256).hexdigest()[:43]
