"""Tokens for browsers, users whom a server names, and links of people: each opens what it was made for and no more."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import time

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.events import Sources
from app.identity.grant import Grant, person_id
from app.identity.identity import Identity, Shown, acting
from app.identity.keys import Keys
from app.identity.tokens import PREFIX, Tokens
from app.settings import Settings
from tests.app.edge import ANSWERED, PASSAGES, SECRET, MemoryStore, ScriptedTurn, Served, serve, service
from tests.app.every_route import call
from vectorstore.errors import BadInput, FootnoteError, NotAllowed
from vectorstore.types import Scope

PAGE = "https://www.example.org"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return Keys(tmp_path / "keys.json")


@pytest.fixture
def server(keys: Keys) -> Grant:
    return keys.check(keys.create("server", kind="server", tenant="acme", groups=["hr", "it"]).secret)


@pytest.fixture
def page(keys: Keys) -> Grant:
    return keys.check(keys.create("page", kind="page", origins=[PAGE]).secret)


def test_a_client_token_is_one_user_who_asks_and_does_nothing_else(keys: Keys, server: Grant) -> None:
    issued = Tokens(keys).for_user(server, "ann", ["hr"], seconds=600)
    granted = Tokens(Keys(keys._cell)).grant(issued.token)
    assert granted.scope == Scope("acme", frozenset({"hr"}), user="ann")
    assert granted.rights == {"chat"}
    assert granted.owner == person_id("acme", "ann")
    assert granted.expires == issued.expires
    assert abs(issued.expires - time() - 600) < 5


def test_each_visitor_is_an_owner_of_their_own(keys: Keys, page: Grant) -> None:
    tokens = Tokens(keys)
    granted = [tokens.grant(tokens.for_visitor(page, days=30).token) for _ in range(50)]
    assert len({each.owner for each in granted}) == 50
    assert all(len(each.owner) == 34 and each.rights == {"chat"} and each.cites_only for each in granted)


def test_a_token_ends_no_later_than_its_key_and_dies_with_it(keys: Keys) -> None:
    soon = datetime.now(UTC) + timedelta(seconds=100)
    made = keys.create("server", kind="server", expires=soon)
    issued = Tokens(keys).for_user(keys.check(made.secret), "ann", [], seconds=900)
    assert issued.expires <= soon.timestamp()
    assert Tokens(keys).grant(issued.token)
    keys.revoke(made.key.id)
    with pytest.raises(NotAllowed, match="closed"):
        Tokens(keys).grant(issued.token)


def test_a_token_outlives_its_keys_rotation(keys: Keys, server: Grant) -> None:
    issued = Tokens(keys).for_user(server, "ann", [], seconds=60)
    keys.rotate(server.key, grace=timedelta(0))
    assert Tokens(keys).grant(issued.token).scope.user == "ann"


def test_a_token_that_was_tampered_with_or_meant_for_something_else_is_refused(
    keys: Keys, server: Grant, page: Grant
) -> None:
    secret, now = keys.signing_secret(), int(time())
    session = {
        "aud": "footnote:session",
        "sub": "ann",
        "groups": ["hr"],
        "key": server.key,
        "iat": now,
        "exp": now + 60,
    }
    visitor = {"aud": "footnote:visitor", "sub": "ab" * 16, "key": page.key, "iat": now, "exp": now + 60}
    assert Tokens(keys).grant(PREFIX + jwt.encode(session, secret)).scope.user == "ann"
    assert Tokens(keys).grant(PREFIX + jwt.encode(visitor, secret)).owner == "v_" + "ab" * 16
    good = jwt.encode(session, secret)
    head, body, signature = good.split(".")
    wrong = {
        "no audience": jwt.encode({k: v for k, v in session.items() if k != "aud"}, secret),
        "another audience": jwt.encode(session | {"aud": "footnote"}, secret),
        "two audiences": jwt.encode(session | {"aud": ["footnote:session", "footnote:visitor"]}, secret),
        "a visitor's as a session": jwt.encode(visitor | {"aud": "footnote:session", "groups": []}, secret),
        "a session's as a visitor": jwt.encode(session | {"aud": "footnote:visitor"}, secret),
        "a session of a page's key": jwt.encode(session | {"key": page.key, "groups": []}, secret),
        "a group that is not the key's": jwt.encode(session | {"groups": ["board"]}, secret),
        "a group that is a person": jwt.encode(session | {"groups": ["user:bob"]}, secret),
        "no user": jwt.encode(session | {"sub": ""}, secret),
        "a user that is no text": jwt.encode(session | {"sub": 7}, secret),
        "an unknown key": jwt.encode(session | {"key": "00000000"}, secret),
        "expired": jwt.encode(session | {"exp": now - 1}, secret),
        "without an end": jwt.encode({k: v for k, v in session.items() if k != "exp"}, secret),
        "of tomorrow": jwt.encode(session | {"iat": now + 86_400, "nbf": now + 86_400}, secret),
        "a foreign secret": jwt.encode(session, b"y" * 32),
        "another hash": jwt.encode(session, secret + secret, "HS512"),
        "unsigned": jwt.encode(session, None, "none"),
        "a cut signature": f"{head}.{body}.",
        "another body": f"{head}.{jwt.encode(session | {'sub': 'bob'}, secret).split('.')[1]}.{signature}",
        "too long": "a" * 7_000,
        "not ASCII": good + "é",
        "half a pair": good + "\ud800",
        "a key": "fn_" + good,
        "nothing": "",
    }
    for what, token in wrong.items():
        with pytest.raises(NotAllowed) as refused:
            Tokens(keys).grant(PREFIX + token)
        assert refused.value.hint, what
        assert len(token) < 20 or token not in str(refused.value)


@given(position=st.integers(0, 10_000), letter=st.sampled_from("ABCabc019-_."))
def test_a_token_with_any_letter_changed_is_refused(
    tmp_path_factory: pytest.TempPathFactory, position: int, letter: str
) -> None:
    keys, token = _one_token(tmp_path_factory)
    place = len(PREFIX) + position % (len(token) - len(PREFIX) - 1)  # the last holds bits that mean nothing
    changed = token[:place] + letter + token[place + 1 :]
    if changed != token:
        with pytest.raises(NotAllowed):
            Tokens(keys).grant(changed)


_KEPT: dict[str, tuple[Keys, str]] = {}


def _one_token(folders: pytest.TempPathFactory) -> tuple[Keys, str]:
    if "token" not in _KEPT:
        keys = Keys(folders.mktemp("token") / "keys.json")
        granted = keys.check(keys.create("server", kind="server").secret)
        _KEPT["token"] = keys, Tokens(keys).for_user(granted, "ann", [], seconds=9_000).token
    return _KEPT["token"]


def test_more_groups_than_fit_into_a_token_are_refused_when_it_is_made(keys: Keys) -> None:
    groups = [f"{'g' * 150}{number}" for number in range(60)]
    granted = keys.check(keys.create("server", kind="server", groups=groups).secret)
    with pytest.raises(BadInput, match="do not fit"):
        Tokens(keys).for_user(granted, "ann", groups, seconds=60)


SERVER = Grant(
    "k1", Scope("acme", frozenset({"hr", "it"})), frozenset({"chat", "search", "documents", "act"})
)
OPERATOR = Grant(
    "k2", Scope("acme", unrestricted=True), frozenset({"chat", "search", "documents", "write", "operate"})
)


def test_a_server_acts_for_the_user_it_names_with_the_groups_it_names_and_no_others() -> None:
    granted = acting(SERVER, {"x-footnote-user": "ann", "x-footnote-groups": " hr ,, "})
    assert granted.scope == Scope("acme", frozenset({"hr"}), user="ann")
    assert granted.owner == person_id("acme", "ann")
    assert "act" not in granted.rights
    assert acting(SERVER, {"x-footnote-user": "ann"}).scope.groups == frozenset()
    with pytest.raises(NotAllowed, match="'board'"):
        acting(SERVER, {"x-footnote-user": "ann", "x-footnote-groups": "hr, board"})
    with pytest.raises(BadInput, match="no name"):
        acting(SERVER, {"x-footnote-groups": "hr"})


def test_an_operator_sees_as_somebody_else_and_stays_themselves() -> None:
    granted = acting(OPERATOR, {"x-footnote-user": "ann", "x-footnote-groups": "board"})
    assert granted.scope == Scope("acme", frozenset({"board"}), user="ann")
    assert granted.owner == "k2"
    assert granted.rights == {"chat", "search", "documents"}


@given(user=st.text(max_size=210), groups=st.text(max_size=60))
def test_whatever_the_headers_say_nobody_gets_more_than_the_key_has(user: str, groups: str) -> None:
    headers = {
        "x-footnote-user": user.encode("utf-8", "surrogatepass").decode("latin-1"),
        "x-footnote-groups": groups.encode("utf-8", "surrogatepass").decode("latin-1"),
    }
    for of in (SERVER, OPERATOR, replace(SERVER, rights=frozenset({"chat"}))):
        try:
            granted = acting(of, headers)
        except FootnoteError:
            continue
        assert granted.rights < of.rights
        assert granted.scope.tenant == "acme"
        assert not granted.scope.unrestricted
        assert of is OPERATOR or granted.scope.groups <= of.scope.groups
        assert not any(name.startswith("user:") for name in granted.scope.groups)
        assert granted.scope.user.isprintable()
        assert (granted.owner == of.owner) is (of is OPERATOR)


@given(st.binary(max_size=60))
def test_a_header_of_any_bytes_is_read_or_refused(given_bytes: bytes) -> None:
    try:
        granted = acting(SERVER, {"x-footnote-user": given_bytes.decode("latin-1")})
    except FootnoteError:
        return
    assert granted.scope == Scope("acme", user=granted.scope.user)
    assert granted.scope.user.isprintable()


@given(st.text(max_size=300))
def test_a_bearer_of_any_text_opens_nothing(tmp_path_factory: pytest.TempPathFactory, secret: str) -> None:
    import asyncio

    keys, _ = _one_token(tmp_path_factory)
    for prefix in ("", "fn_", PREFIX):
        with pytest.raises(NotAllowed):
            asyncio.run(Identity(keys).grant(Shown(bearer=prefix + secret)))


def test_what_says_who_asks_is_said_once(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    secret = keys.create("server", kind="server", groups=["hr"]).secret
    with serve(service(keys=tmp_path / "keys.json")) as served:
        one = [("Authorization", f"Bearer {secret}"), ("X-Footnote-User", "ann")]
        assert httpx.get(f"{served.url}/v1/models", headers=one).status_code == 200
        for twice in (("Authorization", f"Bearer {secret}"), ("X-Footnote-User", "bob"), ("Origin", PAGE)):
            more = [*one, ("Origin", PAGE), twice]
            assert httpx.get(f"{served.url}/v1/models", headers=more).status_code == 400, twice


@dataclass
class Office:
    """A service with a server's key, and the store behind it."""

    served: Served
    keys: Keys
    store: MemoryStore
    secret: str
    id: str

    def url_for(self, **who: str) -> str:
        """Ask as somebody; return the link of the first citation."""
        shown = call(self.served, "POST", "/v1/chat/completions", secret=self.secret, **who).json()
        url: str = shown["citations"][0]
        return url

    def token(self, user: str, *groups: str) -> str:
        body = {"user": user, "groups": groups, "seconds": 60}
        headers = {"Authorization": f"Bearer {self.secret}"}
        made = httpx.post(f"{self.served.url}/v1/sessions", json=body, headers=headers)
        assert made.headers["cache-control"] == "no-store"
        token: str = made.raise_for_status().json()["token"]
        return token


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    """Whose answers cite what only `hr` may read."""
    secret_passage = replace(PASSAGES[0], document=SECRET)
    events = tuple(
        Sources((secret_passage, PASSAGES[1])) if isinstance(event, Sources) else event for event in ANSWERED
    )
    keys = Keys(tmp_path / "keys.json")
    made = keys.create("server", kind="server", groups=["hr", "it"])
    built = service(ScriptedTurn(events), keys=keys._cell)
    with serve(built) as served:
        yield Office(served, keys, built.store, made.secret, made.key.id)  # type: ignore[arg-type]  # the fake


def test_a_persons_link_carries_the_one_reader_that_lets_them_in(office: Office) -> None:
    url = office.url_for(X_Footnote_User="ann", X_Footnote_Groups="hr,it")
    query = httpx.URL(url).params
    assert dict(query.items()).keys() == {"chunk", "key", "expires", "reader", "whole", "signature"}
    assert query["reader"] == "hr"
    assert httpx.get(url).status_code == 200
    for name, value in {
        "reader": "it",
        "whole": "",
        "key": "local",
        "tenant": "other",
        "expires": "9999999999",
    }.items():
        assert httpx.get(httpx.URL(url).copy_set_param(name, value)).status_code == 401, name
    assert httpx.get(httpx.URL(url).copy_remove_param("reader")).status_code == 401


def test_a_persons_link_follows_who_may_read_today(office: Office) -> None:
    url = office.url_for(X_Footnote_User="ann", X_Footnote_Groups="hr")
    place = office.store.all.index(SECRET)
    office.store.all[place] = replace(SECRET, readers=frozenset({"it"}))  # the key's, and not ann's
    assert httpx.get(url).status_code == 404
    office.store.all[place] = SECRET
    assert httpx.get(url).status_code == 200
    office.keys.revoke(office.id)
    assert httpx.get(url).status_code == 401


def test_a_link_of_a_reader_who_is_a_user_names_that_user(office: Office) -> None:
    place = office.store.all.index(SECRET)
    mine = replace(SECRET, readers=frozenset({"user:ann", "user:bob"}))
    office.store.all[place] = mine
    events = office.served.app.state.service.turn.script
    office.served.app.state.service.turn.script = tuple(
        replace(e, passages=(replace(e.passages[0], document=mine), *e.passages[1:]))
        if isinstance(e, Sources)
        else e
        for e in events
    )
    url = office.url_for(X_Footnote_User="ann")
    assert httpx.URL(url).params["reader"] == "user:ann"
    assert httpx.get(url).status_code == 200
    office.store.all[place] = replace(SECRET, readers=frozenset({"user:bob"}))
    assert httpx.get(url).status_code == 404


def test_a_client_tokens_link_opens_the_place_and_not_the_document(office: Office) -> None:
    token = office.token("ann", "hr")
    shown = call(office.served, "POST", "/v1/chat/completions", secret=token).json()
    url = shown["citations"][0]
    assert "whole" not in httpx.URL(url).params
    assert "an excerpt" in httpx.get(url).text
    assert (
        httpx.get(
            f"{office.served.url}/v1/documents/{SECRET.id}", headers={"Authorization": f"Bearer {token}"}
        ).status_code
        == 403
    )


def test_a_client_token_lasts_as_long_as_the_service_allows(office: Office) -> None:
    headers = {"Authorization": f"Bearer {office.secret}"}

    def ask(body: dict[str, object]) -> httpx.Response:
        return httpx.post(f"{office.served.url}/v1/sessions", json=body, headers=headers)

    most = Settings().identity.session_seconds
    assert abs(ask({"user": "ann"}).json()["expires"] - time() - most) < 5
    for wrong in (
        {"user": "ann", "seconds": most + 1},
        {"user": ""},
        {"user": "ann", "seconds": 0},
        {"user": "ann", "group": ["hr"]},
        {},
    ):
        assert ask(wrong).status_code == 422, wrong
    assert ask({"user": " ann"}).status_code == 400
    assert ask({"user": "ann", "groups": ["board"]}).status_code == 403


def test_users_of_one_server_have_conversations_of_their_own(office: Office) -> None:
    ann = {"X_Footnote_User": "ann"}
    asked = call(office.served, "POST", "/v1/responses", secret=office.secret, **ann).json()
    names = {"response_id": asked["id"]}

    def see(secret: str, **who: str) -> httpx.Response:
        path = "/v1/responses/{response_id}"
        return call(office.served, "GET", path, secret=secret, names=names, **who)

    assert see(office.secret, **ann, X_Footnote_Groups="hr").status_code == 200
    assert see(office.secret, X_Footnote_User="bob", X_Footnote_Groups="hr").status_code == 404
    assert see(office.secret).status_code == 404
    assert see(office.token("ann", "hr")).status_code == 200
    assert see(office.token("bob", "hr")).status_code == 404
    operator = office.keys.create("operator", kind="operator").secret
    assert see(operator, **ann, X_Footnote_Groups="hr").status_code == 404


def test_people_without_any_key_have_links_too(tmp_path: Path) -> None:
    """The secret that signs them is then kept by itself, private, and made once by several processes."""
    one, other = Keys(tmp_path / "keys.json"), Keys(tmp_path / "keys.json")
    assert one.signing_secret() == other.signing_secret()
    assert len(one.signing_secret()) == 32
    (kept,) = (each for each in tmp_path.iterdir() if each.suffix != ".lock")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert not one.exist()
