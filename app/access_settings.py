"""Settings of who may call and how much, and of what is written down about it; every default is written here."""

from typing import Literal

from pydantic import Field

from vectorstore.settings import FootnoteSettings
from vectorstore.types import DEFAULT_TENANT


class IdentitySettings(FootnoteSettings):
    """Who people are: an OpenID Connect provider, or a proxy that has asked one."""

    oidc_issuer: str = Field(
        default="",
        description="Issuer of the OpenID Connect provider whose tokens are let in; empty: none are.",
    )
    oidc_audience: str = Field(
        default="", description="Audiences of tokens meant for this service, separated by commas."
    )
    oidc_jwks_url: str = Field(
        default="", description="Where the provider's keys are; empty: where its discovery document says."
    )
    oidc_algorithms: str = Field(
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
    operator_groups: str = Field(
        default="",
        description="Groups of people who operate the service: they see all documents, add and remove, and may ask "
        "as somebody else; separated by commas.",
    )
    writer_groups: str = Field(
        default="", description="Groups of people who may add and remove documents, separated by commas."
    )
    proxy_addresses: str = Field(
        default="",
        description="Addresses or networks of the proxy whose headers say who asks, separated by commas; empty: no "
        "headers are believed.",
    )
    proxy_user_header: str = Field(
        default="x-forwarded-user", description="Header of the proxy that names the user."
    )
    proxy_groups_header: str = Field(
        default="x-forwarded-groups",
        description="Header of the proxy with the user's groups, separated by commas.",
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
    audit_head_minutes: int = Field(
        default=60, ge=1, le=1_440, description="Minutes between two signed heads of the log."
    )
