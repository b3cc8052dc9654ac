"""Who may call: API keys, or, where no key was ever made, this machine itself and nobody else.

What was read earlier is shown again only while its reader may still read all documents behind it.
"""

import asyncio
import ipaddress
import re
from collections import Counter
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Annotated, Final
from urllib.parse import urlsplit

from fastapi import Depends, Request
from starlette.datastructures import Headers

from app.access_settings import Network
from app.audit.audit import note
from app.http.budgets import WRONG_KEY, Budgets
from app.identity.grant import EXPIRED, LOCAL, Grant, Right
from app.identity.identity import GROUPS_HEADER, USER_HEADER, Shown, acting
from app.identity.tokens import PREFIX
from app.people.people import People
from app.problems import TooMany, Unauthenticated
from app.question import Message, Question
from app.runs.run import Dialect, Run
from app.runs.runs import Runs
from app.service import Service
from app.telemetry.requests import over_budget, wrong_key
from app.turn.explanation import drawn_from, explanation
from vectorstore.errors import BadInput, NotAllowed, NotFound
from vectorstore.types import DocumentId

LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_LOCAL_HOST: Final = re.compile(
    r"(?:localhost|127\.0\.0\.1|\[::1\])(?::[0-9]{0,5})?", re.IGNORECASE | re.ASCII
)
_PASSED_ON: Final = (
    "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip",
    "cf-connecting-ip", "true-client-ip",
)  # fmt: skip
"""What proxies add. One that adds nothing cannot be told from a caller on this machine."""
_ONCE: Final = ("authorization", "origin", USER_HEADER, GROUPS_HEADER)
"""Headers that say who asks: of two, one who stands between might have checked the other."""


async def service(request: Request) -> Service:
    """Return what the application was built with."""
    found: Service = request.app.state.service
    return found


async def runs(request: Request) -> Runs:
    """Return the application's runs."""
    found: Runs = request.app.state.runs
    return found


METRICS: Final = "/metrics"

ServiceIn = Annotated[Service, Depends(service)]
RunsIn = Annotated[Runs, Depends(runs)]


async def grant(request: Request, service: ServiceIn) -> Grant:
    """Return what the caller may do.

    Raises Unauthenticated, NotAllowed, BadInput, TooMany, and Unavailable where it cannot be written down.
    """
    # The metrics are what tells of the trouble.
    if service.audit is not None and service.audit.trouble and request.scope["path"] != METRICS:
        await asyncio.to_thread(service.audit.check)
    budgets: Budgets = request.app.state.budgets
    visible = shown(request)
    try:
        granted = await service.identity.grant(visible)
    except NotAllowed as error:
        address = getattr(request.state, "address", "")
        door = "" if error.what == EXPIRED else door_of(visible, service)
        shown_address = address if service.settings.telemetry.log_addresses else ""
        wrong_key(door, bearer=visible.bearer, address=shown_address)
        await budgets.admit_address(address, cost=WRONG_KEY)
        raise Unauthenticated(error.what, error.hint) from error
    if granted is None:
        _refuse_strangers(request, service)
        granted = LOCAL
    note(grant=granted)
    request.state.key = granted.key
    if granted.origins and (visible.origin or _referring(request)) not in granted.origins:
        raise NotAllowed("This key is for other pages.", "Ask from a page of an origin that it was made for.")
    granted = acting(granted, request.headers)
    note(grant=granted)
    await budgets.admit(granted, request.headers)
    return granted


def door_of(visible: Shown, service: Service) -> str:
    """Name the way in at which what is shown lets nobody in; empty where nothing is shown."""
    of_proxy = (service.settings.identity.proxy_user_header, service.settings.identity.proxy_groups_header)
    if any(name and name in visible.headers for name in of_proxy):
        return "proxy"
    if not visible.bearer:
        return ""
    if visible.bearer.startswith(PREFIX):
        return "token"
    is_provider = service.identity.provider is not None and not visible.bearer.startswith("fn_")
    return "provider" if is_provider else "key"


def _referring(request: Request) -> str:
    """Return the origin of the page that asks, where the browser sends none: to read from a page's own origin."""
    try:
        page = urlsplit(request.headers.get("referer", ""))
    except ValueError:
        return ""
    return f"{page.scheme}://{page.netloc}"


def shown(request: Request) -> Shown:
    """Return what a request shows of who sends it; raises BadInput where it says so twice."""
    for name in _ONCE:
        if len(request.headers.getlist(name)) > 1:
            raise BadInput(f"The header {name} is sent twice.", "Send it once.")
    scheme, _, secret = request.headers.get("authorization", "").partition(" ")
    names = request.headers.keys()
    return Shown(
        bearer=secret.strip() if scheme.lower() == "bearer" else "",
        address=request.client.host if request.client else "localhost",
        origin=request.headers.get("origin", ""),
        headers=request.headers,
        repeated=frozenset(name for name, times in Counter(names).items() if times > 1),
    )


def own_address(request: Request, service: Service) -> str:
    """Return the service's public address, or the one that the request came to, without a slash at its end."""
    return (service.settings.client.base_url or str(request.base_url)).rstrip("/")


def _refuse_strangers(request: Request, service: Service) -> None:
    """Without keys: only this machine, under a local name, and no foreign page (DNS rebinding, CSRF)."""
    client = request.client.host if request.client else "localhost"
    if client not in LOOPBACK and not client.startswith("127."):
        raise NotAllowed(
            "Without API keys this service answers this machine only.", "Make one: footnote keys create."
        )
    if _LOCAL_HOST.fullmatch(request.headers.get("host", "")) is None:
        raise NotAllowed(
            "Without API keys this service answers to the names localhost and 127.0.0.1 only.",
            "Use one of them, or make a key: footnote keys create.",
        )
    if any(name in request.headers for name in _PASSED_ON):
        raise NotAllowed(
            "Without API keys this service answers this machine only, and a proxy sent this for somebody else.",
            "Make a key: footnote keys create.",
        )
    origin = request.headers.get("origin")
    ours = f"{request.scope['scheme']}://{request.headers['host']}"
    allowed = service.settings.client.origins()
    if origin is not None and origin != ours and origin not in allowed and "*" not in allowed:
        raise NotAllowed("This page may not use the service.", "List its origin in FOOTNOTE_CORS_ORIGINS.")


def _demand(right: Right, granted: Grant) -> Grant:
    if granted.cites_only and not granted.person:
        raise NotAllowed(
            "A page's key does nothing but give each visitor a token.", "Get one: POST /v1/visitors."
        )
    if right not in granted.rights and granted.key in {"oidc", "proxy"}:
        raise NotAllowed(
            f"You have no right to {right}.", "Ask the one who runs the service for a group that has it."
        )
    if right not in granted.rights:
        raise NotAllowed(f"This key has no right to {right}.", "Use a key made with that right.")
    return granted


async def may_chat(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to ask questions."""
    return _demand("chat", granted)


async def may_search(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to search."""
    return _demand("search", granted)


async def may_read(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to read documents."""
    return _demand("documents", granted)


async def may_write(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to add and remove documents."""
    return _demand("write", granted)


async def may_act(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to act for users."""
    return _demand("act", granted)


async def may_explain(granted: Annotated[Grant, Depends(may_chat)]) -> Grant:
    """Demand the right to ask questions, and to see more of the documents than answers cite."""
    if granted.cites_only:
        raise NotAllowed(
            "A page's visitors see what an answer cites, and no more.", "Use another kind of key."
        )
    return granted


async def may_welcome(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand a page's key, which lets visitors in."""
    if not granted.cites_only or granted.person:
        raise NotAllowed(
            "Only a page's key lets visitors in.",
            "Make one: footnote keys create NAME --kind page --origin …",
        )
    return granted


async def may_operate(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to operate the service."""
    return _demand("operate", granted)


async def may_measure(granted: Annotated[Grant, Depends(grant)]) -> Grant:
    """Demand the right to read the metrics."""
    return _demand("metrics", granted)


ChatGrant = Annotated[Grant, Depends(may_chat)]
ActGrant = Annotated[Grant, Depends(may_act)]
ExplainGrant = Annotated[Grant, Depends(may_explain)]
PageGrant = Annotated[Grant, Depends(may_welcome)]
SearchGrant = Annotated[Grant, Depends(may_search)]
DocumentsGrant = Annotated[Grant, Depends(may_read)]
WriteGrant = Annotated[Grant, Depends(may_write)]
OperatorGrant = Annotated[Grant, Depends(may_operate)]
MetricsGrant = Annotated[Grant, Depends(may_measure)]


_WAITING = 4
"""How many times as many may wait as may run."""


class AtOnce:
    """Places for the searches of each caller: so many run, some more wait, and those beyond are refused."""

    def __init__(self, running: int) -> None:
        self._running = running
        self._places: dict[str, asyncio.Semaphore] = {}
        self._held: dict[str, int] = {}

    @asynccontextmanager
    async def place(self, caller: str) -> AsyncIterator[None]:
        """Wait for a place and hold it; raises TooMany when as many wait as may."""
        held = self._held.get(caller, 0)
        if held >= self._running * (1 + _WAITING):
            over_budget("searches")
            raise TooMany(
                f"You have {held:,} searches running or waiting.",
                "Send the next when some have been answered.",
            )
        self._held[caller] = held + 1
        places = self._places.setdefault(caller, asyncio.Semaphore(self._running))
        try:
            async with places:
                yield
        finally:
            self._held[caller] -= 1
            if not self._held[caller]:
                del self._held[caller], self._places[caller]


def caller_of(request: Request, granted: Grant) -> str:
    """Name who asks: the key, or without keys the address."""
    if granted is not LOCAL:
        return granted.owner
    return request.client.host if request.client else ""


async def searching(request: Request, granted: Annotated[Grant, Depends(grant)]) -> AsyncIterator[None]:
    """Hold a place for a request that searches or embeds; raises TooMany."""
    at_once: AtOnce = request.app.state.at_once
    async with at_once.place(caller_of(request, granted)):
        yield


async def begin(
    question: Question,
    request: Request,
    grant: Grant,
    *,
    resumable: bool = False,
    background: bool = False,
    dialect: Dialect | None = None,
) -> Run:
    """Begin answering a caller's question, as `Runs.begin` does, on the caller's budget."""
    budgets: Budgets = request.app.state.budgets
    runs: Runs = request.app.state.runs
    service: Service = request.app.state.service
    if service.variants is not None:
        question = await service.variants.assigned(question, grant.owner)
    hold = await budgets.hold(grant)
    try:
        return await runs.begin(
            question,
            resumable=resumable,
            owner=grant.owner,
            background=background,
            dialect=dialect,
            settle=hold.settle,
        )
    except BaseException as error:
        if isinstance(error, TooMany):
            over_budget("answers", key=grant.key)
        await hold.end(0)
        raise


async def find_run(run_id: str, *, runs: Runs, service: Service, grant: Grant) -> Run:
    """Return a caller's run; raises NotFound, also where it holds what the caller may no longer read."""
    run = await runs.find(run_id, owner=grant.owner)
    if not await may_see(documents_of(run), service=service, grant=grant) or run.erased:
        raise NotFound(f"There is no run {run_id!r}.", "Runs are kept for ten minutes.")
    return run


def kept_of(service: Service) -> People:
    """Return what knows of people's records; raises NotFound where none are kept."""
    if service.people is None:
        raise NotFound("This service keeps no records.", "Set FOOTNOTE_RECORDS_URL.")
    return service.people


def documents_of(run: Run) -> frozenset[DocumentId]:
    """Return the documents behind a run so far, and behind the conversation before it."""
    return drawn_from(explanation(run.id, run.question, run.recorded))


async def may_see(documents: Collection[DocumentId], *, service: Service, grant: Grant) -> bool:
    """Say whether the caller may read all of these documents today."""
    return not documents or await asyncio.to_thread(_readable, documents, service, grant)


async def still_readable(history: Sequence[Message], *, service: Service, grant: Grant) -> list[Message]:
    """Leave out the turns (question, answer) whose answer was drawn from what the caller may no longer read."""
    kept: list[Message] = []
    for asked, answered in zip(history[::2], history[1::2], strict=True):
        if await may_see(answered.drawn_from, service=service, grant=grant):
            kept += (asked, answered)
    return kept


def _readable(documents: Collection[DocumentId], service: Service, grant: Grant) -> bool:
    with service.store.snapshot() as snapshot:
        return snapshot.readable(documents, scope=grant.scope)


def address_of(peer: str, headers: Headers, proxies: tuple[Network, ...]) -> str:
    """Return whose address counts: the peer's, or what a proxy of ours says; empty for this machine and for none.

    An IPv6 address counts by its network of 64 bits, which is what one subscriber is given.
    """
    found = _parsed(peer)
    chain = ",".join(headers.getlist("x-forwarded-for")).split(",") if proxies else []
    while found is not None and chain and any(found in network for network in proxies):
        said = _parsed(_without_port(chain.pop().strip()))
        if said is None:  # what stands before it is the caller's own word
            break
        found = said
    if found is None or found.is_loopback:
        return ""
    return str(found) if found.version == 4 else str(ipaddress.ip_network((found, 64), strict=False))


def _without_port(said: str) -> str:
    """Return an address as some proxies write it, `192.0.2.1:4711` or `[2001:db8::1]:4711`, without the port."""
    inside, closed, _ = said.removeprefix("[").partition("]")
    if said.startswith("[") and closed:
        return inside
    address, colon, port = said.partition(":")
    return address if colon and port.isdigit() else said


@lru_cache(maxsize=4_096)
def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return mapped or found
