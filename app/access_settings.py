"""Settings of who may call and how much, and of what is written down about it; every default is written here."""

import ipaddress
import re
from typing import Annotated, Final, Literal, TypeAlias
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from vectorstore.settings import FootnoteSettings
from vectorstore.types import DEFAULT_TENANT

ALGORITHMS: Final = (
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
)  # fmt: skip
"""Ways to sign of which the checker holds nothing to sign with: `none`, and those by a shared secret, are not among them."""
_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_HEADER: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,99}")
_TAKEN: Final = frozenset(
    {"authorization", "cookie", "host", "origin", "x-footnote-user", "x-footnote-groups"}
)

Network: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network


def listed(text: str) -> tuple[str, ...]:
    """Return what a setting lists, separated by commas."""
    return tuple(item for each in text.split(",") if (item := each.strip()))


def networks(text: str) -> tuple[Network, ...]:
    """Return the addresses and networks that a setting lists; raises ValueError."""
    found = tuple(ipaddress.ip_network(each) for each in listed(text))
    if any(network.prefixlen == 0 for network in found):
        raise ValueError("a network of all addresses would let everybody say who they are")
    return found


def safe_address(address: str) -> str:
    """Return an address that nobody between can answer for: https, or http on this machine; raises ValueError."""
    parts = urlsplit(address)
    is_safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
    if not is_safe or not parts.hostname or not parts.netloc.isascii() or not address.isprintable():
        raise ValueError("write it like https://host")
    if "@" in parts.netloc or parts.fragment:
        raise ValueError("write it without a name and without #")
    return address


def _address(address: str) -> str:
    return safe_address(address) if address else ""


def _algorithms(text: str) -> str:
    names = listed(text)
    if not names or any(name not in ALGORITHMS for name in names):
        raise ValueError(f"choose from {', '.join(ALGORITHMS)}; no other is safe here")
    return text


def _networks(text: str) -> str:
    networks(text)
    return text


def _header(name: str) -> str:
    lowered = name.strip().lower()
    if lowered and (_HEADER.fullmatch(lowered) is None or lowered in _TAKEN):
        raise ValueError("write the name of a header that the proxy alone sets")
    return lowered


Address: TypeAlias = Annotated[str, AfterValidator(_address)]
Header: TypeAlias = Annotated[str, AfterValidator(_header)]


class IdentitySettings(FootnoteSettings):
    """Who people are: an OpenID Connect provider, or a proxy that has asked one."""

    oidc_issuer: Address = Field(
        default="",
        description="Issuer of the OpenID Connect provider whose tokens are let in, as it writes it itself; empty: none are.",
    )
    oidc_audience: str = Field(
        default="", description="Audiences of tokens meant for this service, separated by commas."
    )
    oidc_jwks_url: Address = Field(
        default="", description="Where the provider's keys are; empty: where its discovery document says."
    )
    oidc_algorithms: Annotated[str, AfterValidator(_algorithms)] = Field(
        default="RS256,ES256", description="Algorithms that tokens may be signed with, separated by commas."
    )
    oidc_leeway_seconds: float = Field(
        default=30.0, ge=0, le=300, description="How far the provider's clock and this one may be apart."
    )
    oidc_user_claim: str = Field(default="sub", description="Claim that names the user.")
    oidc_groups_claim: str = Field(
        default="groups", description="Claim that lists the user's groups; dots lead into objects."
    )
    oidc_tenant_claim: str = Field(
        default="", description="Claim that names the tenant; empty: everyone is of FOOTNOTE_OIDC_TENANT."
    )
    oidc_tenant: str = Field(default=DEFAULT_TENANT, description="Tenant of people where no claim names one.")
    oidc_client_id: str = Field(
        default="", description="Client id by which the page at / signs people in; empty: it does not."
    )
    oidc_scopes: str = Field(
        default="openid profile", description="Scopes that the page asks the provider for."
    )
    oidc_audience_parameter: Literal["resource", "audience", "none"] = Field(
        default="resource",
        description="How the page tells the provider which service a token is for: resource (RFC 8707), audience "
        "(Auth0), or none, where a scope or the client says it (Entra ID, Keycloak).",
    )
    operator_groups: str = Field(
        default="",
        description="Groups of people who operate the service: they see all documents, add and remove, and may ask "
        "as somebody else; separated by commas.",
    )
    writer_groups: str = Field(
        default="", description="Groups of people who may add and remove documents, separated by commas."
    )
    proxy_addresses: Annotated[str, AfterValidator(_networks)] = Field(
        default="",
        description="Addresses or networks of the proxies in front of the service, separated by commas; only what "
        "comes from them may say from which address and, with FOOTNOTE_PROXY_USER_HEADER, from whom a request is.",
    )
    proxy_user_header: Header = Field(
        default="",
        description="Header by which the proxy names the user whom it has signed in, such as X-Forwarded-User; it must "
        "take out what callers send under that name. Empty: no proxy says who asks.",
    )
    proxy_groups_header: Header = Field(
        default="",
        description="Header of the proxy with the user's groups, separated by commas, such as X-Forwarded-Groups; "
        "empty: their groups are not told.",
    )
    session_seconds: int = Field(
        default=900, ge=60, le=86_400, description="Longest time that a client token for one user lasts."
    )
    visitor_days: int = Field(
        default=30, ge=1, le=400, description="Days that a visitor of a page stays known to it."
    )


class BudgetSettings(FootnoteSettings):
    """How much one caller may use. 0: as much as there is."""

    requests_per_minute: int = Field(
        default=0, ge=0, description="Requests a minute of one key, of all its people together."
    )
    tokens_per_day: int = Field(
        default=0, ge=0, description="Tokens a day, in and out, of all answers for one key."
    )
    key_runs: int = Field(
        default=0, ge=0, description="Answers of one key, of all its people together, at the same time."
    )
    user_requests_per_minute: int = Field(
        default=0, ge=0, description="Requests a minute of one person, whatever key or token they come with."
    )
    user_tokens_per_day: int = Field(
        default=0, ge=0, description="Tokens a day, in and out, of all answers for one person."
    )
    page_requests_per_minute: int = Field(
        default=600, ge=0, description="Requests a minute of one page key, of all its visitors together."
    )
    page_tokens_per_day: int = Field(
        default=5_000_000, ge=0, description="Tokens a day, in and out, of all answers for one page key."
    )
    page_runs: int = Field(
        default=32, ge=0, description="Answers of one page key, of all its visitors, at the same time."
    )
    visitor_requests_per_minute: int = Field(
        default=60, ge=0, description="Requests a minute of one visitor of a page."
    )
    visitor_tokens_per_day: int = Field(
        default=200_000,
        ge=0,
        description="Tokens a day, in and out, of all answers for one visitor of a page.",
    )
    visitor_runs: int = Field(
        default=4, ge=0, description="Answers of one visitor of a page at the same time."
    )
    address_requests_per_minute: int = Field(
        default=3_000,
        ge=0,
        description="Requests a minute of one address, whatever key they show; one with a wrong key counts as ten. "
        "This machine is not counted; behind a proxy set FOOTNOTE_PROXY_ADDRESSES.",
    )
    budgets_url: str = Field(
        default="",
        pattern=r"^(|(redis|rediss|unix)://.*)$",
        description="Redis through which replicas count together; empty: FOOTNOTE_RUNS_URL, else each counts alone.",
    )


class AuditSettings(FootnoteSettings):
    """What is written down of who asked and changed what."""

    audit: Literal["off", "on", "contents"] = Field(
        default="on",
        description="off: nothing; on: who, when, which documents, what was decided, without contents; contents: "
        "questions and answers too.",
    )
    audit_days: int = Field(
        default=184, ge=1, le=36_500, description="Days that the audit log is kept (six months)."
    )
    audit_head_file: str = Field(
        default="",
        description="File on another volume that each signed head of the log is written to as well; with it "
        "`footnote audit verify --head FILE` finds an end that was cut off.",
    )
    audit_head_minutes: int = Field(
        default=60, ge=1, le=1_440, description="Minutes between two signed heads of the log."
    )
