"""RELIABILITY A3: forged, foreign, old and twisted tokens, each refused with one sentence, and one that is right let in."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from app.access_settings import IdentitySettings
from app.identity.claims import People
from app.identity.grant import Grant
from app.identity.oidc import LONGEST, Provider
from app.settings import Settings
from tests.app.edge import Served, serve, service
from tests.identity.forge import (
    DER,
    EC,
    ED,
    FOREIGN,
    ISSUER,
    PEM,
    PUBLISHED,
    RSA,
    by_hand,
    claims,
    public,
    token,
    with_rsa,
    with_secret,
)  # fmt: skip
from tests.identity.provider import AUDIENCE
from vectorstore.errors import NotAllowed

SETTINGS = IdentitySettings(
    oidc_issuer=ISSUER,
    oidc_audience=f"{AUDIENCE}, https://footnote.test/mcp",
    oidc_jwks_url=f"{ISSUER}/certs",
)
SMALL = rsa.generate_private_key(65_537, 1_024)
OTHER_CURVE = ec.generate_private_key(ec.SECP384R1())


async def published(_: str) -> dict[str, Any]:
    return {"keys": [*PUBLISHED["keys"], public(SMALL, "small"), public(OTHER_CURVE, "p384")]}


def judge(shown: str, settings: IdentitySettings = SETTINGS) -> Grant:
    async def asked() -> Grant:
        return People(settings).of_claims(await Provider(settings, fetch=published).claims(shown))

    return asyncio.run(asked())


def header(**changed: Any) -> dict[str, Any]:
    return {"alg": "RS256", "typ": "JWT", "kid": "r", **changed}


def signed(body: Any = None, **changed: Any) -> str:
    return by_hand(header(**changed), claims() if body is None else body, with_rsa(RSA))


def broken(part: int, change: Callable[[str], str]) -> str:
    parts = token().split(".")
    parts[part] = change(parts[part])
    return ".".join(parts)


def flipped(text: str) -> str:
    return ("A" if text[8] != "A" else "B").join((text[:8], text[9:]))


now = int(time.time())
EMBEDDED = {name: value for name, value in public(FOREIGN, "r").items() if name not in {"kid", "use"}}
ATTACKS: dict[str, str] = {
    # no signature
    "alg none": by_hand(header(alg="none"), claims()),
    "alg None": by_hand(header(alg="None"), claims()),
    "alg NONE, no key id": by_hand({"alg": "NONE"}, claims()),
    "alg none behind a good signature": signed(alg="none"),
    "no alg": by_hand({"kid": "r"}, claims(), with_rsa(RSA)),
    "alg null": signed(alg=None),
    "alg empty": signed(alg=""),
    "alg a number": signed(alg=1),
    "alg a list": signed(alg=["RS256"]),
    "signature taken off": token().rpartition(".")[0] + ".",
    "signature of zeros": by_hand(header(), claims(), lambda _: bytes(256)),
    # a public key taken for a shared secret
    "HS256 with the key as PEM": by_hand(header(alg="HS256"), claims(), with_secret(PEM)),
    "HS256 with the key as DER": by_hand(header(alg="HS256"), claims(), with_secret(DER)),
    "HS256 with the key as JSON": by_hand(
        header(alg="HS256"), claims(), with_secret(json.dumps(public(RSA, "r")).encode())
    ),
    "HS256 with its modulus": by_hand(header(alg="HS256"), claims(), with_secret(public(RSA, "r")["n"].encode())),
    "HS384 with the key as PEM": by_hand(header(alg="HS384"), claims(), with_secret(PEM, "sha384")),
    "HS512 with the key as PEM": by_hand(header(alg="HS512"), claims(), with_secret(PEM, "sha512")),
    "HS256 with nothing": by_hand(header(alg="HS256"), claims(), with_secret(b"")),
    "HMAC called RS256": by_hand(header(), claims(), with_secret(PEM)),
    # algorithms that are not pinned, and keys of another kind
    "RS512, which is not set": token(algorithm="RS512"),
    "PS256, which is not set": token(algorithm="PS256"),
    "EdDSA, which is not set": token(ED, "EdDSA", "d"),
    "ES384, which is not set": token(OTHER_CURVE, "ES384", "p384"),
    "ES256 under the id of the RSA key": token(EC, "ES256", "r"),
    "RS256 under the id of the EC key": token(RSA, "RS256", "e"),
    "ES256 called RS256": by_hand(header(), claims(), lambda s: jwt.get_algorithm_by_name("ES256").sign(s, EC)),
    "ES256 of nothing (r and s are 0)": by_hand(header(alg="ES256", kid="e"), claims(), lambda _: bytes(64)),
    "ES256 under the id of a key of another curve": token(EC, "ES256", "p384"),
    "a key of 1,024 bits": by_hand(header(kid="small"), claims(), with_rsa(SMALL)),
    # a key of the attacker's own
    "another's key under a known id": token(FOREIGN),
    "another's key without an id": token(FOREIGN, kid=...),
    "another's key under an unknown id": token(FOREIGN, kid="x"),
    "a key inside the token (jwk)": token(FOREIGN, header={"jwk": EMBEDDED}),
    "a key inside the token, no id": token(FOREIGN, kid=..., header={"jwk": EMBEDDED}),
    "a key elsewhere (jku)": token(FOREIGN, kid="x", header={"jku": "https://evil.example/jwks"}),
    "a certificate elsewhere (x5u)": token(FOREIGN, kid="x", header={"x5u": "https://evil.example/cert"}),
    "a certificate inside (x5c)": token(FOREIGN, kid="x", header={"x5c": ["MIIB"]}),
    "an id that is a path": token(FOREIGN, kid="../../../../dev/null"),
    "an id that is SQL": token(FOREIGN, kid="x' UNION SELECT 'secret"),
    "an id that is a list": signed(kid=["r"]),
    "an id that is null": signed(kid=None),
    # extensions and other kinds of token
    "crit": signed(crit=["exp"], exp=now),
    "crit that is empty": signed(crit=[]),
    "b64 false": signed(b64=False, crit=["b64"]),
    "b64 true": signed(b64=True),
    "a logout token": signed(typ="logout+jwt"),
    "a proof of possession": signed(typ="dpop+jwt"),
    "a type that is a number": signed(typ=7),
    "bound to a key": token(cnf={"jkt": "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"}),
    # parts
    "header changed": broken(0, flipped),
    "claims changed": broken(1, flipped),
    "claims of another": ".".join((*token(sub="bob").split(".")[:2], token().split(".")[2])),
    "one part": "e30",
    "two parts": "e30.e30",
    "four parts": token() + ".e30",
    "five parts, encrypted": "e30.e30.e30.e30.e30",
    "empty parts": "..",
    "no base64": broken(1, lambda text: text + "!"),
    "claims that are a list": signed(b"[]"),
    "claims that are no JSON": signed(b"{"),
    "claims nested without end": signed(b'{"a":' * 5_000 + b"1" + b"}" * 5_000),
    "a number without end": signed(b'{"exp":' + b"9" * 6_000 + b"}"),
    "a good token with too much in it": token(more="x" * LONGEST),
    "a token without end": "a" * (LONGEST - 3) + ".b.c",
    # claims
    "expired": token(exp=now - 31),
    "expired long ago": token(exp=1),
    "no end": token(exp=...),
    "an end that is null": token(exp=None),
    "an end that is text": token(exp=str(now + 300)),
    "an end that is true": token(exp=True),
    "an end that is infinite": token(exp=float("inf")),
    "an end that is no number": token(exp=float("nan")),
    "not valid yet": token(nbf=now + 86_400),
    "nbf that is text": token(nbf=str(now)),
    "made in the future": token(iat=now + 86_400),
    "no issuer": token(iss=...),
    "another issuer": token(iss="https://login.example/realms/other"),
    "the issuer with a slash": token(iss=ISSUER + "/"),
    "the issuer in capitals": token(iss=ISSUER.upper()),
    "the issuer and more": token(iss=ISSUER + ".evil.example"),
    "no audience": token(aud=...),
    "another audience": token(aud="https://other.example"),
    "an audience that begins so": token(aud=AUDIENCE + "/v2"),
    "an audience that is empty": token(aud=[]),
    "an audience with a number": token(aud=[AUDIENCE, 7]),
    "an audience that is an object": token(aud={AUDIENCE: True}),
    "no user": token(sub=...),
    "a user that is empty": token(sub=""),
    "a user that is a list": token(sub=["ann"]),
    "a user with a line break": token(sub="ann\nbob"),
    "a user that hides": token(sub="ann\u202e"),
    "a user without end": token(sub="a" * 201),
    "groups elsewhere": token(groups=..., _claim_names={"groups": "src1"}),
    "groups elsewhere, and some here": token(_claim_names={"groups": "src1"}),
    "hasgroups": token(groups=..., hasgroups=True),
    "groups that are text": token(groups="hr"),
    "groups that are null": token(groups=None),
    "groups that are an object": token(groups={"hr": True}),
    "groups with a number": token(groups=["hr", 7]),
    "groups with a list": token(groups=[["hr"]]),
    "groups without end": token(groups=[str(each) for each in range(2_001)]),
}  # fmt: skip


def clocks_apart() -> str:
    """Return a token of clocks that are five seconds apart, made when it is shown."""
    moment = int(time.time())
    return token(exp=moment - 5, nbf=moment + 5, iat=moment + 5)


GOOD: dict[str, str] = {
    "RS256": token(),
    "ES256": token(EC, "ES256", "e"),
    "an access token by its type": token(header={"typ": "at+jwt"}),
    "the type written whole": token(header={"typ": "application/at+jwt"}),
    "several audiences": token(aud=["https://other.example", AUDIENCE]),
    "the other audience": token(aud="https://footnote.test/mcp"),
    "a place of keys that is not asked": token(header={"jku": "https://evil.example/jwks"}),
    "the same token again": token(),
}


def test_there_are_sixty_and_more() -> None:
    assert len(ATTACKS) >= 60
    assert len(set(ATTACKS.values())) == len(ATTACKS)


@pytest.mark.parametrize("name", GOOD)
def test_a_token_that_is_right_lets_in(name: str) -> None:
    granted = judge(GOOD[name])
    assert (granted.scope.user, granted.scope.groups) == ("ann", {"hr"})
    assert granted.rights == {"chat", "search", "documents"}


def test_a_token_of_clocks_that_are_apart_lets_in() -> None:
    assert judge(clocks_apart()).scope.user == "ann"


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_is_refused_with_a_sentence(name: str) -> None:
    with pytest.raises(NotAllowed) as refused:
        judge(ATTACKS[name])
    said = refused.value
    assert said.what.endswith(".")
    assert said.what.count(".") == 1, said.what
    assert said.hint.endswith(".")


@pytest.fixture(scope="module")
def guarded() -> Iterator[Served]:
    built = service(settings=Settings(identity=SETTINGS))
    assert built.identity.provider is not None
    built.identity.provider._fetch = published
    with serve(built) as running:
        yield running


def test_every_attack_is_refused_over_http_and_nothing_of_it_is_told_or_logged(
    guarded: Served, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with httpx.Client(base_url=guarded.url) as client:
        for name, attack in ATTACKS.items():
            answer = client.get("/v1/documents", headers={"Authorization": f"Bearer {attack}"})
            assert answer.status_code == 401, name
            assert answer.headers["www-authenticate"].endswith('error="invalid_token"'), name
            detail = answer.json()["detail"]
            assert "Traceback" not in answer.text
            assert attack not in detail or len(attack) < 4, name
        for good in GOOD.values():
            headers = {"Authorization": f"Bearer {good}"}
            assert client.get("/v1/documents", headers=headers).status_code == 200
    logged = caplog.text + "".join(capfd.readouterr())
    parts = {part for shown in (*ATTACKS.values(), *GOOD.values()) for part in shown.split(".")}
    assert [part for part in parts if len(part) > 12 and part in logged] == []
    assert "ann" not in logged


def test_there_is_no_way_to_pin_what_is_not_safe() -> None:
    for name in ("none", "HS256", "RS256,HS256", "RS256, none", "", "rs256", "ES256K"):
        with pytest.raises(ValueError, match="choose from"):
            IdentitySettings(oidc_algorithms=name)


def test_more_can_be_pinned() -> None:
    settings = SETTINGS.model_copy(update={"oidc_algorithms": "EdDSA,PS256,ES384"})
    for shown in (token(ED, "EdDSA", "d"), token(algorithm="PS256"), token(OTHER_CURVE, "ES384", "p384")):
        assert judge(shown, settings).scope.user == "ann"
    with pytest.raises(NotAllowed, match="PS256, ES384"):
        judge(token(), settings)


def test_the_secret_of_the_service_signs_no_token_of_the_provider(tmp_path: Path) -> None:
    from app.identity.keys import Keys

    keys = Keys(tmp_path / "keys.json")
    keys.create("first")
    forged = by_hand(header(alg="HS256"), claims(), with_secret(keys.signing_secret()))
    with pytest.raises(NotAllowed):
        judge(forged)
