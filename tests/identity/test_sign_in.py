"""People sign in with a real provider, and a real service lets them in by what it says of them."""

import base64
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.access_settings import IdentitySettings
from app.commands.serve import listen
from app.settings import ServeSettings
from tests.identity.forge import FOREIGN, by_hand, with_secret
from tests.identity.provider import AUDIENCE, Provider, provider
from tests.identity.service import documents, running
from tests.test_command_line import footnote
from vectorstore.settings import StoreSettings

PROXY = "127.0.0.2"
"""An address of this machine that is not the one from which it calls by itself."""
PROXIED = {"FOOTNOTE_PROXY_ADDRESSES": PROXY, "FOOTNOTE_PROXY_USER_HEADER": "X-Forwarded-User"}
ASKED = {"messages": [{"role": "user", "content": "How many days?"}], "stream": True}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("people")
    documents(made)
    return made


@pytest.fixture(scope="module")
def real() -> Iterator[Provider]:
    with provider() as started:
        yield started


@pytest.fixture(scope="module")
def service(folder: Path, real: Provider) -> Iterator[httpx.Client]:
    with running(
        folder,
        log=folder / "said",
        **PROXIED,
        FOOTNOTE_OIDC_ISSUER=real.issuer,
        FOOTNOTE_OIDC_AUDIENCE=AUDIENCE,
        FOOTNOTE_OIDC_CLIENT_ID=real.client_id,
        FOOTNOTE_WRITER_GROUPS="writers",
        FOOTNOTE_OPERATOR_GROUPS="operators",
        FOOTNOTE_OIDC_LEEWAY_SECONDS="0",
    ) as client:
        yield client


def listing(service: httpx.Client, token: str) -> httpx.Response:
    return service.get("/v1/documents", headers={"Authorization": f"Bearer {token}"})


def uris(service: httpx.Client, token: str) -> set[str]:
    answer = listing(service, token)
    assert answer.status_code == 200, answer.text
    return {each["uri"].partition("/")[2] for each in answer.json()["documents"]}


def test_the_page_is_told_where_to_sign_in(service: httpx.Client, real: Provider) -> None:
    assert service.get("/v1/sign-in").json() == {
        "provider": {
            "issuer": real.issuer,
            "authorization_endpoint": f"{real.issuer}/auth",
            "token_endpoint": f"{real.issuer}/token",
            "end_session_endpoint": f"{real.issuer}/session/end",
            "client_id": "page",
            "scope": "openid profile",
            "audience": AUDIENCE,
            "parameters": {"resource": AUDIENCE},
        }
    }


def refused(service: httpx.Client, token: str, said: str) -> None:
    """The token lets nobody in, with this sentence, at a plain route, a stream and MCP."""
    headers = {"Authorization": f"Bearer {token}"}
    answers = (
        service.get("/v1/documents", headers=headers),
        service.post("/v1/chat/completions", headers=headers, json=ASKED),
        service.post("/mcp", headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "tools/list"}),
    )
    for answer in answers:
        assert answer.status_code == 401
        assert said in answer.text
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


def claims_of(token: str) -> dict[str, Any]:
    found: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return found


def test_each_sees_what_groups_and_name_let_them_see(service: httpx.Client, real: Provider) -> None:
    assert uris(service, real.sign_in("bob").access) == {"all/leave.md"}
    assert uris(service, real.sign_in("ann").access) == {"all/leave.md", "hr/pay.md", "ann/review.md"}
    assert uris(service, real.sign_in("olga").access) == {"all/leave.md", "hr/pay.md", "ann/review.md"}


def test_nobody_without_a_token_is_let_in(service: httpx.Client) -> None:
    answer = service.get("/v1/documents")
    assert answer.status_code == 401
    assert answer.json()["detail"].startswith("This needs an API key, or a token of the identity provider.")


def test_answers_are_drawn_from_what_one_may_read_and_are_ones_own(
    service: httpx.Client, real: Provider
) -> None:
    ann, bob = ({"Authorization": f"Bearer {real.sign_in(name).access}"} for name in ("ann", "bob"))
    asked = {"input": "What did the review of spring praise?"}
    told = service.post("/v1/responses", json=asked, headers=ann)
    assert "falconry" in told.text
    assert "falconry" not in service.post("/v1/responses", json=asked, headers=bob).text
    where = f"/v1/responses/{told.json()['id']}"
    assert service.get(where, headers=ann).status_code == 200
    assert service.get(where, headers=bob).status_code == 404
    again = {"Authorization": f"Bearer {real.sign_in('ann').access}"}
    assert service.get(where, headers=again).status_code == 200


def test_writers_write_and_others_are_told_what_they_lack(service: httpx.Client, real: Provider) -> None:
    file = {"file": ("note.md", b"# Note\n\nThe lift is mended.\n", "text/markdown")}
    bob = {"Authorization": f"Bearer {real.sign_in('bob').access}"}
    answer = service.post("/v1/documents", files=file, headers=bob)
    assert (answer.status_code, answer.json()["detail"].partition(".")[0]) == (
        403,
        "You have no right to write",
    )
    wendy = {"Authorization": f"Bearer {real.sign_in('wendy').access}"}
    added = service.post("/v1/documents", files=file, headers=wendy)
    assert added.status_code < 300, added.text


def test_tokens_are_renewed_and_an_old_renewal_is_worth_nothing(
    service: httpx.Client, real: Provider
) -> None:
    first = real.sign_in("bob")
    second = real.refreshed(first)
    assert second.access != first.access
    assert uris(service, second.access) >= {"all/leave.md"}
    used_twice = real.refresh(first.refresh)
    assert (used_twice.status_code, used_twice.json()["error"]) == (400, "invalid_grant")


def test_a_code_is_taken_once_and_with_its_verifier_only(real: Provider) -> None:
    tokens = real.sign_in("bob")
    replayed = real.exchange(tokens.code, tokens.verifier)
    assert (replayed.status_code, replayed.json()["error"]) == (400, "invalid_grant")


def test_keys_roll_over_without_a_restart(service: httpx.Client, real: Provider) -> None:
    before = real.sign_in("bob").access
    assert uris(service, before)
    real.control(roll="beside")
    after = real.sign_in("bob").access
    assert jwt.get_unverified_header(after)["kid"] != jwt.get_unverified_header(before)["kid"]
    assert uris(service, after)
    assert uris(service, before)
    asked = real.asked_for_keys()
    for number in range(50):
        kid = f"invented {number}"
        refused_one = listing(service, jwt.encode(claims_of(after), FOREIGN, "RS256", headers={"kid": kid}))
        assert refused_one.status_code == 401
    assert real.asked_for_keys() - asked <= 2


def test_a_token_that_has_expired_is_refused(service: httpx.Client, real: Provider) -> None:
    browser = httpx.Client()
    real.control(seconds=2)
    tokens = real.sign_in("ann", browser=browser)
    real.control(seconds=300)
    assert uris(service, tokens.access)
    real.sign_out(browser)
    browser.close()
    # Whoever has signed out gets nothing new; what was given lasts its two seconds.
    assert real.refresh(tokens.refresh).status_code == 400
    time.sleep(max(0.0, claims_of(tokens.access)["exp"] - time.time()) + 0.1)
    refused(service, tokens.access, "The token has expired.")


def test_a_token_for_another_service_is_refused(service: httpx.Client, real: Provider) -> None:
    refused(service, real.sign_in("ann", audience="https://other.test").access, "meant for another service")
    refused(service, real.sign_in("ann").identity, "meant for another service")


def test_a_token_of_another_provider_is_refused(service: httpx.Client, real: Provider) -> None:
    with provider() as foreign:
        shown = foreign.sign_in("ann").access
    refused(service, shown, "a key that this service's provider does not publish")
    said = claims_of(shown)
    forged = jwt.encode(
        {**said, "iss": real.issuer}, FOREIGN, "RS256", headers=jwt.get_unverified_header(shown)
    )
    refused(service, forged, "a key that this service's provider does not publish")


def test_tokens_without_signature_or_signed_with_the_public_key_are_refused(
    service: httpx.Client, real: Provider
) -> None:
    shown = real.sign_in("bob").access
    said = {**claims_of(shown), "sub": "ann", "groups": ["hr"]}
    head = jwt.get_unverified_header(shown)
    refused(
        service, by_hand({**head, "alg": "none"}, said), "signed in a way that this service does not take"
    )
    published = next(
        each for each in httpx.get(f"{real.issuer}/jwks").json()["keys"] if each["kid"] == head["kid"]
    )
    key = jwt.PyJWK(published).key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (key, key.rstrip(), json.dumps(published).encode()):
        confused = by_hand({**head, "alg": "HS256"}, said, with_secret(secret))
        refused(service, confused, "signed in a way that this service does not take")
        refused(service, by_hand(head, said, with_secret(secret)), "The token's signature does not hold.")
    refused(
        service,
        by_hand(head, said, lambda _: base64.urlsafe_b64decode(shown.split(".")[2] + "==")),
        "does not hold",
    )


def test_somebody_in_too_many_groups_is_refused_and_not_taken_for_in_none(
    service: httpx.Client, real: Provider
) -> None:
    refused(service, real.sign_in("many").access, "more groups than the provider puts into it")


def beside_the_proxy(client: httpx.Client) -> None:
    """Only the proxy's address may say who asks, and nothing that is sent makes another one its."""
    forged = {
        "X-Forwarded-For": PROXY, "X-Real-IP": PROXY, "Forwarded": f"for={PROXY}", "X-Forwarded-User": "ann",
    }  # fmt: skip
    answer = client.get("/v1/documents", headers=forged)
    assert answer.status_code == 401
    assert "is the proxy's to send" in answer.text
    through = httpx.HTTPTransport(local_address=PROXY)
    with httpx.Client(base_url=client.base_url, transport=through) as proxy:
        ann = {"X-Forwarded-User": "ann", "X-Forwarded-For": "127.0.0.1"}
        assert "ann/review.md" in proxy.get("/v1/documents", headers=ann).text
        for wrong in ([*ann.items(), ("X-Forwarded-User", "bob")], {**ann, "Authorization": "Bearer fn_x"}):
            assert proxy.get("/v1/documents", headers=wrong).status_code == 401


def test_uvicorn_takes_no_address_from_a_header(service: httpx.Client) -> None:
    beside_the_proxy(service)


def test_granian_takes_no_address_from_a_header(folder: Path) -> None:
    pytest.importorskip("granian")
    with running(folder, FOOTNOTE_SERVER="granian", **PROXIED) as client:
        beside_the_proxy(client)


def test_while_the_provider_is_away_known_keys_serve_on_and_no_token_is_logged(
    service: httpx.Client, real: Provider, folder: Path
) -> None:
    # Last of all with this provider.
    shown = real.sign_in("bob").access
    assert uris(service, shown)
    real.process.kill()
    real.process.wait()
    assert uris(service, shown)
    unknown = jwt.encode(claims_of(shown), FOREIGN, "RS256", headers={"kid": "new"})
    deadline = time.monotonic() + 10
    while (answer := listing(service, unknown)).status_code == 401 and time.monotonic() < deadline:
        time.sleep(0.5)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    assert answer.json()["detail"].startswith("The identity provider cannot be asked")
    told = (folder / "said").read_text()
    assert "The identity provider cannot be asked" in told
    assert not [part for part in (*shown.split("."), *unknown.split("."), "bob") if part in told]


@pytest.mark.parametrize(("settings", "said"), [
    ({"FOOTNOTE_OIDC_ISSUER": "https://a.example"}, "FOOTNOTE_OIDC_ISSUER is set, and FOOTNOTE_OIDC_AUDIENCE is not."),
    ({"FOOTNOTE_OIDC_ALGORITHMS": "HS256"}, "FOOTNOTE_OIDC_ALGORITHMS is set to 'HS256', which does not fit"),
])  # fmt: skip
def test_wrong_settings_are_one_sentence_at_the_start(
    folder: Path, settings: dict[str, str], said: str
) -> None:
    done = footnote(folder, "serve", PORT="0", **settings)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_with_a_provider_or_a_proxy_it_may_listen_on_public_addresses(folder: Path) -> None:
    store = StoreSettings(data_dir=folder / "data")
    people = (
        IdentitySettings(oidc_issuer="https://a.example", oidc_audience="x"),
        IdentitySettings(proxy_addresses="192.0.2.9", proxy_user_header="x-user"),
    )
    for each in people:
        listen(ServeSettings(host="0.0.0.0", port=0), store, each).close()
