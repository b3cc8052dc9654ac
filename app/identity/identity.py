"""From what a request shows to what its sender may do: keys, people with a provider's token, people behind a proxy."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from app.access_settings import IdentitySettings
from app.identity.claims import PersonGrants
from app.identity.grant import Grant, for_user, seen_as
from app.identity.keys import Keys
from app.identity.oidc import Provider
from app.identity.proxy import Proxy
from app.identity.tokens import PREFIX, Tokens
from vectorstore.errors import BadInput, NotAllowed

USER_HEADER: Final = "x-footnote-user"
GROUPS_HEADER: Final = "x-footnote-groups"
_OF_PROVIDER: Final = ("oidc_audience", "oidc_jwks_url", "oidc_client_id", "oidc_tenant_claim")


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who sends it. `bearer` is what stands in `Authorization: Bearer`, empty for nothing.

    `headers` are by lower-case name, `repeated` the names that stand there more than once; `address` is the peer's,
    of the proxy where there is one.
    """

    bearer: str = ""
    address: str = ""
    origin: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    repeated: frozenset[str] = frozenset()


class Identity:
    """Who calls. Every way in is asked here, and nothing that is shown is passed over in silence."""

    def __init__(self, keys: Keys, settings: IdentitySettings | None = None) -> None:
        """Take the keys, and the provider and the proxy that are set; raises BadInput for settings that clash."""
        self.keys = keys
        self.tokens = Tokens(keys)
        settings = settings or IdentitySettings()
        self.provider = Provider(settings) if settings.oidc_issuer else None
        self.proxy = Proxy(settings) if settings.proxy_user_header else None
        self._people = PersonGrants(settings)
        for name in _OF_PROVIDER if self.provider is None else ():
            _refuse_alone(settings, name, "oidc_issuer")
        if self.proxy is None:
            _refuse_alone(settings, "proxy_groups_header", "proxy_user_header")

    @property
    def is_closed(self) -> bool:
        """Say whether whoever shows nothing is refused: with a provider or a proxy, and from the first key on."""
        return self.provider is not None or self.proxy is not None or self.keys.exist()

    @property
    def lets_in(self) -> bool:
        """Say whether somebody from elsewhere can come in at all."""
        return self.provider is not None or self.proxy is not None or self.keys.any_active()

    async def grant(self, shown: Shown) -> Grant | None:
        """Return what the sender may do, None where nothing is shown that counts.

        Raises NotAllowed, and Unavailable where the provider, or a database that holds the keys, cannot be asked.
        """
        if self.proxy is not None:
            named = self.proxy.grant(
                shown.headers, repeated=shown.repeated, address=shown.address, bearer=shown.bearer
            )
            if named is not None:
                return named
        await self.look()
        if shown.bearer.startswith(PREFIX):
            return self._used(self.tokens.grant(shown.bearer))
        if self.provider is not None and shown.bearer and not shown.bearer.startswith("fn_"):
            return self._people.of_claims(await self.provider.claims(shown.bearer))
        # Clients must send something as a key; what it is does not matter until there are keys, except that one
        # of ours which is unknown here is a mistake worth saying.
        if shown.bearer.startswith("fn_") or self.is_closed:
            if not shown.bearer:
                raise self._nothing_shown()
            return self._used(self.keys.check(shown.bearer))
        return None

    async def look(self) -> None:
        """Look at the keys where what is known of them may be old, without keeping others waiting.

        Raises StoreDamaged and Unavailable.
        """
        if not self.keys.is_fresh:
            await asyncio.to_thread(self.keys.refresh)

    def _used(self, granted: Grant) -> Grant:
        """Have the use of a key written down, without waiting for the disk."""
        if self.keys.note_use(granted.key):
            asyncio.get_running_loop().run_in_executor(None, self.keys.write_use, granted.key)
        return granted

    def _nothing_shown(self) -> NotAllowed:
        if self.provider is not None:
            return NotAllowed(
                "This needs an API key, or a token of the identity provider.",
                "Sign in, or send `Authorization: Bearer fn_…`.",
            )
        if self.proxy is not None:
            return NotAllowed(
                "This needs an API key, or the proxy that signs people in.",
                "Come through the proxy, or send `Authorization: Bearer fn_…`.",
            )
        return NotAllowed("This needs an API key.", "Send `Authorization: Bearer fn_…`.")


def _refuse_alone(settings: IdentitySettings, name: str, needed: str) -> None:
    if getattr(settings, name):
        raise BadInput(
            f"FOOTNOTE_{name.upper()} is set, and FOOTNOTE_{needed.upper()} is not.",
            "Set both, or neither.",
        )


def acting(granted: Grant, headers: Mapping[str, str]) -> Grant:
    """Return what a caller may do for whom the headers name: nobody, a user of a server's key, or somebody an operator asks as.

    Raises NotAllowed for who may not name anybody, BadInput for names that are none.
    """
    user, groups = headers.get(USER_HEADER), headers.get(GROUPS_HEADER)
    if user is None and groups is None:
        return granted
    named = [name for each in _text(groups or "").split(",") if (name := each.strip())]
    if "act" in granted.rights:
        return for_user(granted, _text(user or ""), named)
    if "operate" in granted.rights:
        return seen_as(granted, _text(user or ""), named)
    raise NotAllowed(
        "Only a server's key may name the user it asks for.",
        f"Leave out {USER_HEADER} and {GROUPS_HEADER}, or use a key made with --kind server.",
    )


def _text(value: str) -> str:
    """Read a header as UTF-8; the framework has read it as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        raise BadInput("A name in a header is not in UTF-8.", "Send it in UTF-8.") from None
