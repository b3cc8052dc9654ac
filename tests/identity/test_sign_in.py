"""People sign in with a real provider, and a real service lets them in by what it says of them."""

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.identity.provider import AUDIENCE, Provider, provider
from tests.identity.service import documents, running


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
        FOOTNOTE_OIDC_ISSUER=real.issuer,
        FOOTNOTE_OIDC_AUDIENCE=AUDIENCE,
        FOOTNOTE_OIDC_CLIENT_ID=real.client_id,
        FOOTNOTE_WRITER_GROUPS="writers",
        FOOTNOTE_OPERATOR_GROUPS="operators",
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


def test_each_sees_what_groups_and_name_let_them_see(service: httpx.Client, real: Provider) -> None:
    assert uris(service, real.sign_in("bob").access) == {"all/leave.md"}
    assert uris(service, real.sign_in("ann").access) == {"all/leave.md", "hr/pay.md", "ann/review.md"}
    assert uris(service, real.sign_in("olga").access) == {"all/leave.md", "hr/pay.md", "ann/review.md"}
