"""Who may call which route: every route by every wrong caller, from the table of routes, so that none is forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from time import time

import jwt
import pytest

from app.identity.grant import RIGHTS, Right
from app.identity.keys import Keys
from app.identity.tokens import Tokens
from tests.app.edge import HANDBOOK, ScriptedTurn, Served, serve, service
from tests.app.every_route import ALL_ON, BODIES, PROTECTED, PUBLIC, Uploading, call, table

PAGE = "https://www.example.org"
NEEDS: dict[str, Right] = {
    "/v1/search": "search",
    "/v1/embeddings": "search",
    "/mcp": "search",
    "/v1/documents": "documents",
    "/v1/sessions": "act",
    "/v1/access": "operate",
    "/v1/people": "operate",
    "/metrics": "metrics",
}
NO_RIGHT = {("POST", "/v1/visitors")}
"""What no right opens, but a page's key alone."""
EXPLANATIONS = {"/v1/runs/{run_id}"}


def needed(method: str, path: str) -> Right:
    if path.startswith("/v1/documents") and method in {"POST", "DELETE"}:
        return "write"
    return next((right for prefix, right in NEEDS.items() if path.startswith(prefix)), "chat")


@dataclass
class Callers:
    """A service with keys of every kind, and what wrong callers show it."""

    served: Served
    keys: Keys
    turn: ScriptedTurn
    page: str
    visitor: str
    session: str
    single: dict[Right, str]
    """A key for each right, which has no other."""
    unknown: dict[str, str | None]
    """What opens nothing."""


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callers]:
    keys = Keys(tmp_path_factory.mktemp("data") / "keys.json")
    turn = ScriptedTurn()
    built = replace(service(turn, keys=keys._cell, settings=ALL_ON), uploads=Uploading())  # type: ignore[arg-type]  # its routes only
    single: dict[Right, str] = {right: keys.create(right, rights=[right]).secret for right in RIGHTS}
    page = keys.create("page", kind="page", origins=[PAGE])
    server = keys.create("server", kind="server", groups=["hr"])
    tokens = Tokens(keys)
    page_grant, server_grant = keys.check(page.secret), keys.check(server.secret)
    visitor = tokens.for_visitor(page_grant, days=1).token
    session = tokens.for_user(server_grant, "ann", ["hr"], seconds=3_600).token
    unknown = _unknown(keys, session)
    with serve(built) as served:
        yield Callers(served, keys, turn, page.secret, visitor, session, single, unknown)


def _unknown(keys: Keys, session: str) -> dict[str, str | None]:
    past = datetime.now(UTC) - timedelta(seconds=1)
    good, revoked = keys.create("good").secret, keys.create("revoked", kind="server")
    of_revoked = Tokens(keys).for_user(keys.check(revoked.secret), "ann", [], seconds=3_600).token
    rotated = keys.create("rotated")
    keys.rotate(rotated.key.id, grace=timedelta(0))
    keys.revoke(revoked.key.id)
    claims = {
        "aud": "footnote:session",
        "sub": "ann",
        "groups": ["hr"],
        "key": "00000000",
        "iat": int(time()),
    }
    own = keys.signing_secret()
    return {
        "nothing": None,
        "an empty key": "",
        "another's key": "sk-anything",
        "a broken key": "fn_",
        "a key that was never made": "fn_00000000_" + "x" * 43,
        "a key with another letter": good[:-1] + ("a" if good[-1] != "a" else "b"),
        "a key in capitals": good.upper(),
        "a revoked key": revoked.secret,
        "an expired key": keys.create("expired", expires=past).secret,
        "the secret before the rotation": rotated.secret,
        "a broken token": "fns_",
        "a token that is none": "fns_a.b.c",
        "a changed token": session[:-2] + ("aa" if session[-2:] != "aa" else "bb"),
        "a token of a revoked key": of_revoked,
        "a token of an unknown key": "fns_" + jwt.encode(claims | {"exp": time() + 60}, own),
        "an expired token": "fns_" + jwt.encode(claims | {"exp": time() - 1}, own),
        "a token of another service": "fns_" + jwt.encode(claims | {"exp": time() + 60}, b"x" * 32),
        "a token that is not signed": "fns_" + jwt.encode(claims | {"exp": time() + 60}, None, "none"),
        "a provider's token": jwt.encode(claims | {"exp": time() + 60}, b"x" * 32),
    }


def test_the_table_of_routes_is_read() -> None:
    assert {path for _, path in table()} >= {*BODIES, *PUBLIC, "/v1/documents/{document_id}/view", "/mcp"}
    assert len(PROTECTED) >= 26


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_no_route_opens_to_who_shows_nothing_that_holds(callers: Callers, method: str, path: str) -> None:
    for what, secret in callers.unknown.items():
        for headers in ({}, {"Origin": PAGE}):
            response = call(callers.served, method, path, secret=secret, **headers)
            assert response.status_code == 401, what
            assert response.headers["www-authenticate"].startswith("Bearer")


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_route_opens_to_one_right_and_to_no_other(callers: Callers, method: str, path: str) -> None:
    opened = set()
    for right, secret in callers.single.items():
        response = call(callers.served, method, path, secret=secret)
        if response.status_code not in {401, 403}:
            opened.add(right)
    assert opened == (set() if (method, path) in NO_RIGHT else {needed(method, path)})


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_a_pages_key_only_lets_visitors_in_and_they_only_ask(
    callers: Callers, method: str, path: str
) -> None:
    lets_in = (method, path) in NO_RIGHT
    asks = needed(method, path) == "chat" and path not in EXPLANATIONS and not lets_in
    found = call(callers.served, method, path, secret=callers.page, Origin=PAGE)
    assert (found.status_code == 403) is not lets_in, found.text
    found = call(callers.served, method, path, secret=callers.visitor, Origin=PAGE)
    assert (found.status_code == 403) is not asks, found.text
    for wrong in (
        None,
        "",
        "null",
        "https://evil.example",
        PAGE + ":8443",
        PAGE.replace("https", "http"),
        PAGE + ".",
    ):
        for secret in (callers.page, callers.visitor):
            headers = {} if wrong is None else {"Origin": wrong}
            found = call(callers.served, method, path, secret=secret, **headers)
            assert found.status_code == 403, wrong


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_who_may_not_name_a_user_is_refused_and_the_name_never_passed_over(
    callers: Callers, method: str, path: str
) -> None:
    for right, secret in {**callers.single, "session": callers.session, "visitor": callers.visitor}.items():
        if right in {"act", "operate"}:
            continue
        for header in ("X_Footnote_User", "X_Footnote_Groups"):
            found = call(callers.served, method, path, secret=secret, **{header: "", "Origin": PAGE})
            assert found.status_code == 403, (right, header)
    found = call(
        callers.served,
        method,
        path,
        secret=callers.single["act"],
        X_Footnote_User="ann",
        X_Footnote_Groups="hr",
    )
    assert found.status_code == 403  # a group that is not the key's


@pytest.mark.parametrize(("method", "path"), PROTECTED)
def test_another_tenants_key_opens_nothing_of_this_one(callers: Callers, method: str, path: str) -> None:
    with _something(callers) as names:
        other = callers.keys.create("other", tenant="elsewhere", rights=[needed(method, path)]).secret
        asked = len(callers.turn.asked)
        found = call(callers.served, method, path, secret=other, names=names)
        if (method, path) in NO_RIGHT:
            assert found.status_code == 403
        elif names.keys() & _named(path):
            nothing = found.status_code in {204, 404} or found.json() in ({"stopped": False}, {"runs": 0})
            assert nothing, found.text
        else:
            assert found.status_code not in {401, 403}
        assert {question.scope.tenant for question in callers.turn.asked[asked:]} <= {"elsewhere"}
        if not callers.turn.asked[asked:]:
            assert HANDBOOK.title not in found.text


def _named(path: str) -> set[str]:
    return {part[1:].partition("}")[0].partition(":")[0] for part in path.split("/") if part.startswith("{")}


@contextmanager
def _something(callers: Callers) -> Iterator[dict[str, str]]:
    """Ask with a key, and say by which names what came of it stands."""
    chat = "kL2mN8pQ4rS6tV0w"
    secret = callers.single["chat"]
    asked = call(callers.served, "POST", "/v1/responses", secret=secret).json()
    yield {
        "document_id": HANDBOOK.id,
        "run_id": asked["footnote"]["run_id"],
        "response_id": asked["id"],
        "chat_id": chat,
        "conversation": chat,
    }
