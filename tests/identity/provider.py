"""A real OpenID Connect provider on the loopback, in Node, and a client that signs people in as a page does."""

import base64
import hashlib
import json
import secrets
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import pytest

HERE = Path(__file__).parent
AUDIENCE = "https://footnote.test/api"
USERS: Mapping[str, dict[str, Any]] = {
    "ann": {"groups": ["hr", "all"]},
    "bob": {"groups": ["all"]},
    "wendy": {"groups": ["writers"]},
    "olga": {"groups": ["operators"]},
    # what Entra ID sends of somebody who is in more groups than go into a token
    "many": {"_claim_names": {"groups": "src1"}, "_claim_sources": {"src1": {"endpoint": "https://graph.example/me"}}},
}  # fmt: skip


@dataclass(frozen=True)
class Tokens:
    """What the provider gave for a sign-in; `code` and `verifier` are what it was asked for with."""

    access: str
    refresh: str
    identity: str
    code: str
    verifier: str


class Provider:
    """A running provider. Its page client has the id `page`, no secret, and may return to any port here."""

    client_id = "page"

    def __init__(self, issuer: str, process: subprocess.Popen[str]) -> None:
        self.issuer = issuer
        self.process = process

    def sign_in(
        self,
        user: str,
        *,
        audience: str = AUDIENCE,
        back: str = "http://127.0.0.1/",
        browser: httpx.Client | None = None,
    ) -> Tokens:
        """Sign somebody in by authorisation code with PKCE; `browser` keeps the session's cookies."""
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        asked = {
            "client_id": self.client_id, "response_type": "code", "scope": "openid profile", "redirect_uri": back,
            "resource": audience, "state": "s", "code_challenge": challenge, "code_challenge_method": "S256",
        }  # fmt: skip
        where = self.returned(f"{self.issuer}/auth?{urlencode(asked)}", user, back=back, browser=browser)
        code = parse_qs(urlsplit(where).query)["code"][0]
        given = self.exchange(code, verifier, back=back)
        given.raise_for_status()
        return self._tokens(given, code, verifier)

    def returned(
        self, url: str, user: str, *, back: str = "http://127.0.0.1/", browser: httpx.Client | None = None
    ) -> str:
        """Sign somebody in at the provider's page; return the address that it sends the browser back to."""
        client = browser or httpx.Client()
        answer = client.get(url)
        for _ in range(8):
            if (where := answer.headers["location"]).startswith(back):
                break
            address = where if where.startswith("http") else self.issuer + where
            answer = client.get(address)
            if answer.status_code == 200:
                answer = client.post(address, data={"user": user})
        if browser is None:
            client.close()
        return where

    def exchange(self, code: str, verifier: str, *, back: str = "http://127.0.0.1/") -> httpx.Response:
        """Ask for tokens with a code."""
        asked = {
            "grant_type": "authorization_code",
            "code": code,
            "code_verifier": verifier,
            "redirect_uri": back,
        }
        return httpx.post(f"{self.issuer}/token", data={"client_id": self.client_id, **asked})

    def refresh(self, token: str) -> httpx.Response:
        """Ask for tokens with a refresh token."""
        asked = {"grant_type": "refresh_token", "refresh_token": token, "client_id": self.client_id}
        return httpx.post(f"{self.issuer}/token", data=asked)

    def refreshed(self, tokens: Tokens) -> Tokens:
        """Return new tokens for old ones."""
        given = self.refresh(tokens.refresh)
        given.raise_for_status()
        return self._tokens(given, tokens.code, tokens.verifier)

    def sign_out(self, browser: httpx.Client) -> None:
        """End the session whose cookies `browser` keeps."""
        page = browser.get(f"{self.issuer}/session/end").text
        secret = page.partition('name="xsrf" value="')[2].partition('"')[0]
        browser.post(f"{self.issuer}/session/end/confirm", data={"xsrf": secret, "logout": "yes"})

    def control(self, **changed: Any) -> None:
        """Change the provider: `users`, `seconds` (of access tokens), `roll` of keys ("beside" or "instead")."""
        httpx.post(f"{self.issuer}/control", json=changed).raise_for_status()

    def asked_for_keys(self) -> int:
        """Return how often its keys were asked for."""
        return int(httpx.get(f"{self.issuer}/control").json()["keys"])

    @staticmethod
    def _tokens(given: httpx.Response, code: str, verifier: str) -> Tokens:
        body = given.json()
        return Tokens(body["access_token"], body.get("refresh_token", ""), body["id_token"], code, verifier)


def need() -> None:
    """Skip where Node or the provider are absent."""
    if shutil.which("node") is None:
        pytest.skip("needs Node.js")
    if not (HERE / "node_modules" / "oidc-provider").is_dir():
        pytest.skip("needs the provider: npm install --no-package-lock in tests/identity")


@contextmanager
def provider(users: Mapping[str, dict[str, Any]] = USERS, **settings: Any) -> Iterator[Provider]:
    """Run a provider until the block ends; `settings` are those of provider.mjs (seconds, algorithm, port)."""
    need()
    given = json.dumps({"users": users, **settings})
    process = subprocess.Popen(
        ["node", "--no-warnings", HERE / "provider.mjs", given],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    killer = threading.Timer(30, process.kill)
    killer.start()
    try:
        issuer = process.stdout.readline().strip()
        killer.cancel()
        assert issuer.startswith("http://127.0.0.1:"), "the provider did not start"
        yield Provider(issuer, process)
    finally:
        killer.cancel()
        process.kill()
        process.wait(10)
        process.stdout.close()
