"""Where people sign in: for the page, `GET /v1/sign-in`; for clients of OAuth, metadata of the resource (RFC 9728)."""

from typing import Annotated

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, Field

from app.access_settings import listed
from app.http.access import ServiceIn, own_address
from app.http.errors import MCP, METADATA
from app.http.examples import problems
from app.service import Service
from vectorstore.errors import NotFound

router = APIRouter(tags=["sign-in"])


class ProviderShown(BaseModel):
    """What a page needs to sign somebody in by authorisation code with PKCE (S256), without a secret."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    end_session_endpoint: Annotated[
        str | None, Field(description="Where to sign out; none: the provider has no such page.")
    ] = None
    client_id: str
    scope: Annotated[str, Field(description="Scopes to ask for, separated by spaces.")]
    audience: Annotated[str, Field(description="The service that the token has to be for.")]
    parameters: Annotated[
        dict[str, str],
        Field(description="To be sent as they are, with the request for a code and with that for tokens."),
    ]


class SignIn(BaseModel):
    """How people sign in; no provider: they do not."""

    provider: ProviderShown | None = None


class Resource(BaseModel):
    """Metadata of an OAuth protected resource (RFC 9728)."""

    resource: str
    authorization_servers: list[str]
    scopes_supported: list[str]
    bearer_methods_supported: list[str] = ["header"]
    resource_name: str = "Footnote"


@router.get("/v1/sign-in", summary="How do people sign in?", responses=problems(503))
async def sign_in(service: ServiceIn) -> SignIn:
    """Say where the page sends people to sign in, and as which client. Open to everybody."""
    settings, provider = service.settings.identity, service.identity.provider
    if provider is None or not settings.oidc_client_id:
        return SignIn()
    found = await provider.endpoints()
    audience = listed(settings.oidc_audience)[0]
    by = settings.oidc_audience_parameter
    return SignIn(
        provider=ProviderShown(
            issuer=settings.oidc_issuer,
            authorization_endpoint=found.authorization,
            token_endpoint=found.token,
            end_session_endpoint=found.end_session or None,
            client_id=settings.oidc_client_id,
            scope=settings.oidc_scopes,
            audience=audience,
            parameters={} if by == "none" else {by: audience},
        )
    )


@router.get(METADATA, summary="Which authorization server protects this service?", responses=problems(404))
async def metadata(request: Request, response: Response, service: ServiceIn) -> Resource:
    """Name the issuer whose tokens are let in. Open to everybody, and to every page."""
    return _resource(request, response, service, "")


@router.get(METADATA + MCP, summary="Which authorization server protects MCP?", responses=problems(404))
async def metadata_of_mcp(request: Request, response: Response, service: ServiceIn) -> Resource:
    """Name the issuer whose tokens are let in at /mcp. Open to everybody, and to every page."""
    if not service.settings.client.mcp:
        raise NotFound("There is no MCP here.", "It is off: FOOTNOTE_MCP.")
    return _resource(request, response, service, MCP)


def _resource(request: Request, response: Response, service: Service, path: str) -> Resource:
    settings = service.settings.identity
    if service.identity.provider is None:
        raise NotFound("No identity provider protects this service.", "Ask for an API key.")
    response.headers["Access-Control-Allow-Origin"] = "*"
    return Resource(
        resource=own_address(request, service) + path,
        authorization_servers=[settings.oidc_issuer],
        scopes_supported=settings.oidc_scopes.split(),
    )
