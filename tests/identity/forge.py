"""Tokens as a provider makes them, and as attackers do: keys by `cryptography`, every part of a token by hand."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from tests.identity.provider import AUDIENCE

ISSUER = "https://login.example/realms/acme"
RSA = rsa.generate_private_key(65_537, 2_048)
FOREIGN = rsa.generate_private_key(65_537, 2_048)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()
PEM = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
DER = RSA.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def public(key: Any, kid: str, **more: Any) -> dict[str, Any]:
    """Return a key as a provider publishes it."""
    kind = {rsa.RSAPrivateKey: RSAAlgorithm, ec.EllipticCurvePrivateKey: ECAlgorithm}
    writer: Any = next((found for each, found in kind.items() if isinstance(key, each)), OKPAlgorithm)
    return {**writer.to_jwk(key.public_key(), as_dict=True), "kid": kid, "use": "sig", **more}


PUBLISHED = {"keys": [public(RSA, "r"), public(EC, "e"), public(ED, "d")]}


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of Ann's token, with some changed; one that is set to `...` is left out."""
    now = int(time.time())
    usual = {
        "iss": ISSUER, "aud": AUDIENCE, "sub": "ann", "iat": now, "exp": now + 300, "jti": "1", "groups": ["hr"],
    }  # fmt: skip
    return {name: value for name, value in {**usual, **changed}.items() if value is not ...}


def token(
    key: Any = RSA,
    algorithm: str = "RS256",
    kid: object = "r",
    header: Mapping[str, Any] | None = None,
    **changed: Any,
) -> str:
    """Return a token that the library signs."""
    said = {"kid": kid, **(header or {})} if kid is not ... else dict(header or {})
    return jwt.encode(claims(**changed), key, algorithm, headers=said)


def by_hand(
    header: Mapping[str, Any], body: Mapping[str, Any] | bytes, sign: Callable[[bytes], bytes] = lambda _: b""
) -> str:
    """Return a token of these very parts; `sign` is given what is to be signed."""
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    signed = b".".join(map(_part, (json.dumps(header).encode(), payload)))
    return b".".join((signed, _part(sign(signed)))).decode()


def with_secret(secret: bytes, digest: str = "sha256") -> Callable[[bytes], bytes]:
    """Sign as those do who take a public key for a shared secret."""
    return lambda signed: hmac.new(secret, signed, getattr(hashlib, digest)).digest()


def with_rsa(key: Any, algorithm: str = "RS256") -> Callable[[bytes], bytes]:
    """Sign with a private RSA key."""
    return lambda signed: jwt.get_algorithm_by_name(algorithm).sign(signed, key)


def _part(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")
