"""The provider's keys: asked for seldom, followed when they change, and kept while the provider is away."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.access_settings import IdentitySettings
from app.identity.oidc import Provider, fetched
from app.settings import ClientSettings, Settings
from tests.app.edge import serve, service
from tests.identity.forge import ED, FOREIGN, ISSUER, PUBLISHED, RSA, public, token
from tests.identity.provider import AUDIENCE
from vectorstore.errors import BadInput, NotAllowed, Unavailable

DISCOVERY = f"{ISSUER}/.well-known/openid-configuration"
TEXT = st.text("aktynexAQ_-=.é\n", max_size=6)
SETTINGS = IdentitySettings(oidc_issuer=ISSUER, oidc_audience=AUDIENCE)
DOCUMENT = {
    "issuer": ISSUER, "jwks_uri": f"{ISSUER}/certs", "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
}  # fmt: skip


class Fake:
    """A provider whose answers, and a clock whose time, tests set."""

    def __init__(self, **settings: Any) -> None:
        self.now = 1_000.0
        self.document: dict[str, Any] = dict(DOCUMENT)
        self.keys: Any = PUBLISHED["keys"]
        self.away = False
        self.asked: list[str] = []
        self.pause: Callable[[], Awaitable[None]] | None = None
        changed = SETTINGS.model_copy(update=settings)
        self.provider = Provider(changed, fetch=self.fetch, clock=lambda: self.now)

    async def fetch(self, url: str) -> dict[str, Any]:
        self.asked.append(url)
        if self.pause is not None:
            await self.pause()
        if self.away:
            raise Unavailable("The provider is away.", "Wait.")
        return self.document if url == DISCOVERY else {"keys": self.keys}

    async def lets_in(self, shown: str) -> bool:
        try:
            await self.provider.claims(shown)
        except NotAllowed:
            return False
        return True


def test_keys_are_read_once_for_many_tokens() -> None:
    fake = Fake()

    async def ask() -> None:
        assert all(await asyncio.gather(*(fake.lets_in(token()) for _ in range(50))))
        fake.now += 299
        assert await fake.lets_in(token())
        assert fake.asked == [DISCOVERY, f"{ISSUER}/certs"]
        fake.now += 2
        assert await fake.lets_in(token())
        assert len(fake.asked) == 3

    asyncio.run(ask())


def test_a_flood_of_invented_key_ids_asks_the_provider_once_in_five_seconds() -> None:
    fake = Fake()

    async def ask() -> None:
        assert await fake.lets_in(token())
        fake.asked.clear()
        for second in range(20):
            fake.now += 1
            shown = [token(FOREIGN, kid=f"{second} {each}") for each in range(20)]
            assert not any(await asyncio.gather(*map(fake.lets_in, shown)))
        assert len(fake.asked) == 4

    asyncio.run(ask())


def test_a_new_key_is_found_at_its_first_token_and_an_old_one_goes_with_the_provider() -> None:
    fake = Fake()

    async def ask() -> None:
        assert await fake.lets_in(token())
        fake.keys = [public(FOREIGN, "new"), public(RSA, "r")]
        shown = token(FOREIGN, kid="new")
        assert all(await asyncio.gather(*(fake.lets_in(shown) for _ in range(20))))
        assert len(fake.asked) == 3
        fake.keys = [public(FOREIGN, "new")]
        fake.now += 301
        assert not await fake.lets_in(token())
        assert await fake.lets_in(shown)

    asyncio.run(ask())


def test_keys_serve_on_for_a_day_while_the_provider_is_away_and_then_nobody_is_let_in() -> None:
    fake = Fake()

    async def ask() -> None:
        assert await fake.lets_in(token())
        fake.away = True
        for _ in range(24):
            fake.now += 3_599
            assert await fake.lets_in(token())
        # it may have a new key, and nobody can say
        with pytest.raises(Unavailable, match="away"):
            await fake.lets_in(token(FOREIGN, kid="new"))
        fake.now += 60
        with pytest.raises(Unavailable, match="away"):
            await fake.lets_in(token())
        fake.away = False
        fake.now += 5
        assert await fake.lets_in(token())

    asyncio.run(ask())


def test_a_provider_that_is_away_is_not_asked_by_everybody() -> None:
    fake = Fake()
    fake.away = True

    async def ask() -> None:
        for _ in range(30):
            fake.now += 1
            for shown in (token(), token(FOREIGN, kid="x")):
                with pytest.raises(Unavailable):
                    await fake.lets_in(shown)
            with pytest.raises(Unavailable):
                await fake.provider.endpoints()
        assert len(fake.asked) <= 6

    asyncio.run(ask())


def test_nobody_whose_key_is_known_waits_for_the_provider() -> None:
    fake = Fake()

    async def ask() -> None:
        assert await fake.lets_in(token())
        fake.now += 301
        held = asyncio.Event()
        fake.pause = lambda: _wait(held)
        first = asyncio.create_task(fake.lets_in(token()))
        await asyncio.sleep(0)
        async with asyncio.timeout(1):
            assert await fake.lets_in(token())
        assert not first.done()
        held.set()
        assert await first

    asyncio.run(ask())


async def _wait(held: asyncio.Event) -> None:
    await held.wait()


@pytest.mark.parametrize("keys", [
    None, [], {}, "x", [1], [{}], [{"kty": "oct", "k": "c2VjcmV0", "kid": "r"}], [public(RSA, "r", use="enc")],
    [public(RSA, "r", alg="RS512")], [public(RSA, "r", key_ops=["encrypt"])], [public(RSA, "r", key_ops="verify")],
    [public(RSA, "r", d="AQAB")], [public(RSA, "r", n=5)], [public(RSA, "r", n="!")], [public(RSA, "r", e="AA")],
    [public(ED, "r")],
])  # fmt: skip
def test_what_the_provider_should_not_publish_is_no_key(keys: Any) -> None:
    fake = Fake()
    fake.keys = keys
    with pytest.raises(Unavailable, match="no key that this service can use"):
        asyncio.run(fake.lets_in(token()))


def test_two_keys_of_one_id_are_none_and_a_token_without_id_needs_a_provider_with_one_key() -> None:
    fake = Fake()
    fake.keys = [public(RSA, "r"), public(FOREIGN, "r")]
    assert not asyncio.run(fake.lets_in(token()))
    fake = Fake()
    assert asyncio.run(fake.lets_in(token(kid=...)))
    fake.keys = [public(RSA, "r"), public(FOREIGN, "s")]
    fake.now += 301
    assert not asyncio.run(fake.lets_in(token(kid=...)))


@pytest.mark.parametrize(("name", "value"), [
    ("issuer", ISSUER + "/"), ("issuer", None), ("jwks_uri", "http://login.example/certs"), ("jwks_uri", None),
    ("jwks_uri", "file:///etc/passwd"), ("authorization_endpoint", "javascript:alert(1)"), ("token_endpoint", 7),
    ("token_endpoint", "https://a:b@login.example/token"), ("end_session_endpoint", "http://10.0.0.1/out"),
])  # fmt: skip
def test_a_discovery_document_that_is_not_the_issuers_or_not_safe_is_refused(name: str, value: Any) -> None:
    fake = Fake()
    fake.document[name] = value
    with pytest.raises(Unavailable) as refused:
        asyncio.run(fake.lets_in(token()))
    assert str(refused.value).startswith("The identity provider")


@given(st.dictionaries(TEXT, st.recursive(st.none() | st.booleans() | st.integers() | TEXT, st.lists)))
def test_whatever_the_provider_publishes_nothing_else_breaks(key: dict[str, Any]) -> None:
    fake = Fake()
    fake.keys = [{**public(RSA, "r"), **key}, {**key, "kty": "RSA"}]
    try:
        asyncio.run(fake.lets_in(token()))
    except Unavailable as error:
        assert error.hint  # noqa: PT017


@pytest.mark.parametrize(("name", "value"), [
    ("n", 5), ("n", None), ("n", ""), ("n", "\ud800"), ("e", []), ("e", "A" * 10_000), ("x5c", 1), ("kid", []), ("kty", None),
])  # fmt: skip
def test_a_key_that_is_none_spares_the_others(name: str, value: Any) -> None:
    fake = Fake()
    fake.keys = [public(FOREIGN, "s") | {name: value}, public(RSA, "r")]
    assert asyncio.run(fake.lets_in(token()))


def test_settings_that_do_not_go_together_are_refused_with_a_sentence() -> None:
    with pytest.raises(BadInput, match="FOOTNOTE_OIDC_AUDIENCE is not"):
        Provider(IdentitySettings(oidc_issuer=ISSUER, oidc_audience=" , "))
    for address in (
        "http://login.example",
        "login.example",
        "https://",
        "https://a@b.example",
        "https://a.example/#x",
    ):
        with pytest.raises(ValueError, match="write it"):
            IdentitySettings(oidc_issuer=address)
    assert IdentitySettings(oidc_issuer="http://127.0.0.1:9100").oidc_issuer


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a":"' + b"x" * 1_000_001 + b'"}'])
def test_what_is_no_json_object_is_one_sentence(body: bytes) -> None:
    with _answering(body) as url, pytest.raises(Unavailable, match="cannot be asked"):
        asyncio.run(fetched(url))


@contextmanager
def _answering(body: bytes, *, status: int = 200, location: str = "") -> Iterator[str]:
    """Serve one body at every path of a free port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


def test_redirects_are_not_followed() -> None:
    with _answering(b"", status=302, location="http://127.0.0.1:1/") as url, pytest.raises(Unavailable):
        asyncio.run(fetched(url))


def test_a_provider_that_is_down_is_503_for_tokens_and_nothing_to_keys(tmp_path: Any) -> None:
    from app.identity.keys import Keys

    secret = Keys(tmp_path / "keys.json").create("key").secret
    settings = Settings(
        identity=IdentitySettings(
            oidc_issuer="http://127.0.0.1:1", oidc_audience=AUDIENCE, oidc_client_id="page"
        ),
        client=ClientSettings(base_url="https://chat.example"),
    )
    with serve(service(settings=settings, keys=tmp_path / "keys.json")) as served:
        shown = {"Authorization": f"Bearer {token()}"}
        answer = httpx.get(f"{served.url}/v1/documents", headers=shown)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
        assert answer.json()["detail"].startswith("The identity provider cannot be asked")
        assert httpx.get(f"{served.url}/v1/sign-in").status_code == 503
        assert httpx.get(f"{served.url}/readyz", headers=shown).status_code == 200
        with_key = {"Authorization": f"Bearer {secret}"}
        assert httpx.get(f"{served.url}/v1/documents", headers=with_key).status_code == 200
