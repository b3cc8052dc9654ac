"""From claims and a proxy's headers to a grant: nothing unclear is read as nothing, and no group is a person."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_settings import IdentitySettings
from app.identity.claims import PersonGrants
from app.identity.grant import RIGHTS_OF, Grant, person_id
from app.identity.identity import Identity
from app.identity.keys import Keys
from app.identity.proxy import Proxy
from app.settings import Settings
from tests.app.edge import ANSWERED, ScriptedTurn, serve, service
from tests.identity.forge import claims
from vectorstore.errors import BadInput, NotAllowed

FROM = "10.1.2.3"
PROXY = IdentitySettings(
    proxy_user_header="X-Forwarded-User",
    proxy_groups_header="X-Forwarded-Groups",
    proxy_addresses="10.1.2.0/24, 192.0.2.7, 2001:db8::/48",
    writer_groups="writers, user:wendy",
)


def read(said: Mapping[str, Any], **settings: Any) -> Grant:
    return PersonGrants(
        IdentitySettings(oidc_issuer="https://a.example", oidc_audience="x", **settings)
    ).of_claims(said)


def by_proxy(
    headers: Mapping[str, str],
    *,
    address: str = FROM,
    bearer: str = "",
    repeated: frozenset[str] = frozenset(),
) -> Grant | None:
    return Proxy(PROXY).grant(headers, repeated=repeated, address=address, bearer=bearer)


def test_a_token_says_user_groups_tenant_and_end() -> None:
    said = claims(
        upn="ann@acme.example", tid="acme", realm_access={"roles": ["hr", "all"]}, exp=2_000_000_000
    )
    granted = read(
        said, oidc_user_claim="upn", oidc_groups_claim="realm_access.roles", oidc_tenant_claim="tid"
    )
    assert (granted.key, granted.expires) == ("oidc", 2_000_000_000.0)
    assert granted.scope.tenant == "acme"
    assert granted.scope.names == {"hr", "all", "user:ann@acme.example"}
    assert granted.owner == person_id("acme", "ann@acme.example")


@pytest.mark.parametrize(("path", "said"), [
    ("groups", {"groups": ["hr"]}),
    ("realm_access.roles", {"realm_access": {"roles": ["hr"]}}),
    ("resource_access.chat.app.roles", {"resource_access": {"chat.app": {"roles": ["hr"]}}}),
    ("https://acme.example/groups", {"https://acme.example/groups": ["hr"]}),
    ("https://acme.example/a.roles", {"https://acme.example/a": {"roles": ["hr"]}}),
    ("a.b", {"a.b": ["hr"], "a": {"b": ["other"]}}),
    ("cognito:groups", {"cognito:groups": ["hr"]}),
])  # fmt: skip
def test_groups_are_found_by_name_or_where_dots_lead(path: str, said: dict[str, Any]) -> None:
    assert read(claims(groups=...) | said, oidc_groups_claim=path).scope.groups == {"hr"}


@pytest.mark.parametrize("said", [{}, {"realm_access": {}}, {"groups": ["hr"]}])
def test_no_groups_are_none(said: dict[str, Any]) -> None:
    assert read(claims(groups=...) | said, oidc_groups_claim="realm_access.roles").scope.groups == set()


@pytest.mark.parametrize("said", [
    {"realm_access": ["hr"]}, {"realm_access": "roles"}, {"realm_access": None}, {"realm_access": {"roles": "hr"}},
    {"realm_access": {"roles": {"hr": 1}}}, {"realm_access": {"roles": None}}, {"realm_access": {"roles": ["hr", ""]}},
    {"realm_access": {"roles": [" hr"]}}, {"_claim_names": {"realm_access": "src1"}}, {"_claim_names": "groups"},
    {"_claim_names": {"realm_access.roles": "src1"}}, {"_claim_names": None},
])  # fmt: skip
def test_groups_that_are_unclear_are_refused(said: dict[str, Any]) -> None:
    with pytest.raises(NotAllowed):
        read(claims() | said, oidc_groups_claim="realm_access.roles")


def test_groups_that_are_elsewhere_are_no_matter_where_others_are_read() -> None:
    said = claims(groups=..., roles=["hr"], _claim_names={"groups": "src1"}, hasgroups=True)
    assert read(said, oidc_groups_claim="roles").scope.groups == {"hr"}
    for sign in ({"hasgroups": True}, {"hasgroups": "true"}, {"_claim_names": {"groups": "src1"}}):
        with pytest.raises(NotAllowed, match="more groups than the provider puts into it"):
            read(claims(groups=...) | sign)
    assert read(claims(hasgroups=False)).scope.groups == {"hr"}


def test_a_tenant_that_is_missing_is_not_the_usual_one() -> None:
    assert read(claims()).scope.tenant == "default"
    assert read(claims(), oidc_tenant="acme").scope.tenant == "acme"
    for said in ({}, {"tid": None}, {"tid": ""}, {"tid": ["acme"]}):
        with pytest.raises(NotAllowed, match="tenant"):
            read(claims() | said, oidc_tenant_claim="tid")


def test_an_address_that_nobody_verified_names_nobody() -> None:
    said = claims(email="ann@acme.example")
    for verified in ({}, {"email_verified": False}, {"email_verified": "true"}):
        with pytest.raises(NotAllowed, match="the user's own"):
            read(said | verified, oidc_user_claim="email")
    assert read(said | {"email_verified": True}, oidc_user_claim="email").scope.user == "ann@acme.example"


def test_groups_give_rights_and_a_group_called_like_a_person_gives_none() -> None:
    settings = {"writer_groups": "writers, user:wendy", "operator_groups": "operators, user:olga"}
    assert read(claims(groups=["writers"]), **settings).rights == {"chat", "search", "documents", "write"}
    assert read(claims(sub="wendy"), **settings).rights == {"chat", "search", "documents", "write"}
    operator = read(claims(groups=["operators", "writers"]), **settings)
    assert operator.rights == frozenset(RIGHTS_OF["operator"])
    assert operator.scope.unrestricted
    assert read(claims(sub="olga"), **settings).scope.unrestricted
    for groups in (["user:wendy"], ["user:olga"], ["Operators"], ["operators,writers"], ["(nobody)"]):
        granted = read(claims(groups=groups), **settings)
        assert granted.rights == {"chat", "search", "documents"}
        assert not granted.scope.unrestricted
        assert not granted.scope.admits(frozenset({"user:wendy", "(nobody)"}))


def test_names_are_composed() -> None:
    apart = unicodedata.normalize("NFD", "Zoë")
    granted = read(claims(sub=apart, groups=[unicodedata.normalize("NFD", "Käufer")]), writer_groups="Käufer")
    assert granted.scope.names == {"user:Zoë", "Käufer"}
    assert "write" in granted.rights
    assert granted.owner == person_id("default", "Zoë")


TEXT = st.text("abuser: .ë\u0308e\n\u202e\u00a0(nody)", max_size=8)
JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
NAMES = ("sub", "groups", "tid", "a", "b", "_claim_names", "hasgroups")


@given(
    said=st.dictionaries(st.sampled_from(NAMES), JSON | st.dictionaries(st.sampled_from(NAMES), JSON)),
    path=st.sampled_from(["groups", "a.b", "a", "a.a.b", "", ".", "a."]),
)
def test_whatever_a_token_says_it_names_people_and_groups_or_is_refused(
    said: dict[str, Any], path: str
) -> None:
    try:
        granted = read({**said, "exp": 1}, oidc_groups_claim=path, oidc_tenant_claim="tid")
    except NotAllowed:
        return
    assert granted.scope.user == unicodedata.normalize("NFC", said["sub"])
    assert granted.person
    assert not granted.scope.unrestricted
    assert {name for name in granted.scope.names if name.startswith("user:")} == {
        f"user:{granted.scope.user}"
    }


def test_a_proxy_says_who_asks() -> None:
    granted = by_proxy({"x-forwarded-user": "ann", "x-forwarded-groups": "hr, all ,,"})
    assert granted is not None
    assert (granted.key, granted.scope.names) == ("proxy", {"hr", "all", "user:ann"})
    assert granted.owner == read(claims()).owner
    plain = by_proxy({"x-forwarded-user": "Zo\u00c3\u00ab"})
    assert plain is not None
    assert plain.scope.names == {"user:Zoë"}
    assert by_proxy({}) is None


@pytest.mark.parametrize("address", ["10.1.2.3", "192.0.2.7", "2001:db8::5", "::ffff:10.1.2.3"])
def test_the_proxys_addresses_are_believed(address: str) -> None:
    assert by_proxy({"x-forwarded-user": "ann"}, address=address)


@pytest.mark.parametrize("address", [
    "10.1.3.3", "192.0.2.8", "2001:db9::5", "127.0.0.1", "::1", "localhost", "", "testclient", "::ffff:10.1.3.3",
    "10.1.2.3.4", "010.1.2.3", "10.1.2.3, 127.0.0.1",
])  # fmt: skip
def test_from_elsewhere_its_headers_are_refused(address: str) -> None:
    for headers in ({"x-forwarded-user": "ann"}, {"x-forwarded-groups": "hr"}, {"x-forwarded-user": ""}):
        with pytest.raises(NotAllowed, match="is the proxy's to send"):
            by_proxy(headers, address=address)
    assert by_proxy({"x-forwarded-for": "10.1.2.3"}, address=address) is None


@pytest.mark.parametrize(("headers", "more", "said"), [
    ({"x-forwarded-user": "ann"}, {"bearer": "fn_x"}, "beside the proxy's headers"),
    ({"x-forwarded-groups": "hr"}, {"bearer": "a.b.c"}, "beside the proxy's headers"),
    ({"x-forwarded-user": "ann"}, {"repeated": frozenset({"x-forwarded-user"})}, "twice"),
    ({"x-forwarded-user": "ann"}, {"repeated": frozenset({"x-forwarded-groups"})}, "twice"),
    ({"x-forwarded-groups": "hr"}, {}, "groups and no user"),
    ({"x-forwarded-user": ""}, {}, "name of the user is none"),
    ({"x-forwarded-user": "  "}, {}, "name of the user is none"),
    ({"x-forwarded-user": "a\x00b"}, {}, "name of the user is none"),
    ({"x-forwarded-user": "a" * 201}, {}, "name of the user is none"),
    ({"x-forwarded-user": "\xff"}, {}, "not UTF-8"),
    ({"x-forwarded-user": "ann", "x-forwarded-groups": "\xff"}, {}, "not UTF-8"),
    ({"x-forwarded-user": "ann", "x-forwarded-groups": "a\tb"}, {}, "name of the group is none"),
])  # fmt: skip
def test_what_the_proxy_should_not_send_is_refused(
    headers: dict[str, str], more: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotAllowed, match=said):
        by_proxy(headers, **more)


def test_wrong_settings_are_one_sentence(tmp_path: Path) -> None:
    for wrong in ("10.0.0.0/33", "10.0.0.5/8", "proxy", "0.0.0.0/0", "::/0"):
        with pytest.raises(ValueError, match="proxy_addresses"):
            IdentitySettings(proxy_addresses=wrong)
    for wrong in ("Authorization", "Host", "x_y", "x y", "X-Footnote-User"):
        with pytest.raises(ValueError, match="proxy alone"):
            IdentitySettings(proxy_user_header=wrong)
    keys = Keys(tmp_path / "keys.json")
    with pytest.raises(BadInput, match="are both 'x-user'"):
        Identity(
            keys,
            IdentitySettings(proxy_addresses=FROM, proxy_user_header="X-User", proxy_groups_header="x-user"),
        )
    with pytest.raises(BadInput, match="FOOTNOTE_PROXY_ADDRESSES is not"):
        Identity(keys, IdentitySettings(proxy_user_header="X-User"))
    with pytest.raises(BadInput, match="FOOTNOTE_PROXY_USER_HEADER is not"):
        Identity(keys, IdentitySettings(proxy_addresses=FROM, proxy_groups_header="X-Groups"))
    for name in ("oidc_audience", "oidc_client_id", "oidc_tenant_claim"):
        with pytest.raises(
            BadInput, match=f"FOOTNOTE_{name.upper()} is set, and FOOTNOTE_OIDC_ISSUER is not"
        ):
            Identity(keys, IdentitySettings(**{name: "x"}))


def test_a_proxy_that_signs_nobody_in_names_nobody(tmp_path: Path) -> None:
    settings = Settings(identity=IdentitySettings(proxy_addresses="127.0.0.1"))
    Keys(tmp_path / "keys.json").create("so that there is one")
    built = service(settings=settings, keys=tmp_path / "keys.json")
    assert built.identity.proxy is None
    assert not service(settings=settings).identity.is_closed
    with serve(built) as served:
        assert httpx.get(f"{served.url}/v1/documents", headers={"X-Forwarded-User": "ann"}).status_code == 401


def test_behind_a_proxy_each_has_their_own_and_whoever_shows_nothing_is_refused(tmp_path: Path) -> None:
    keys = Keys(tmp_path / "keys.json")
    turn = ScriptedTurn(ANSWERED)
    settings = Settings(identity=PROXY.model_copy(update={"proxy_addresses": "127.0.0.1"}))
    with (
        serve(service(turn, settings=settings, keys=tmp_path / "keys.json")) as served,
        httpx.Client(base_url=served.url) as client,
    ):
        ann = {"X-Forwarded-User": "ann", "X-Forwarded-Groups": "hr"}
        assert client.post("/v1/chat", json={"message": "q"}, headers=ann).status_code == 200
        assert turn.asked[0].scope.names == {"user:ann", "hr"}
        titles = {each["uri"] for each in client.get("/v1/documents", headers=ann).json()["documents"]}
        assert "secret/pay.pdf" in titles
        nobody = client.get("/v1/documents")
        assert nobody.status_code == 401
        assert nobody.json()["detail"].startswith("This needs an API key, or the proxy that signs people in.")
        twice = [*ann.items(), ("X-Forwarded-User", "bob")]
        assert client.get("/v1/documents", headers=twice).status_code == 401
        secret = keys.create("beside it").secret
        key = {"Authorization": f"Bearer {secret}"}
        assert client.get("/v1/documents", headers=key).status_code == 200
        assert client.get("/v1/documents", headers=key | ann).status_code == 401
        assert client.get("/v1/sign-in").json() == {"provider": None}
