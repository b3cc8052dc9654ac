"""People behind a proxy that has signed them in: its headers say who asks, from its own addresses only."""

import ipaddress
from collections.abc import Collection, Mapping
from typing import Final

from app.access_settings import IdentitySettings, networks
from app.identity.claims import PersonGrants
from app.identity.grant import Grant
from vectorstore.errors import BadInput, NotAllowed

_TWICE: Final = "Have the proxy set it once, over whatever the caller sent."


class Proxy:
    """Believes headers, from the listed addresses, one of each, and never beside a token."""

    def __init__(self, settings: IdentitySettings) -> None:
        """Take the settings; raises BadInput where they do not go together."""
        self._user, self._groups = settings.proxy_user_header, settings.proxy_groups_header
        if self._user == self._groups:
            raise BadInput(
                f"FOOTNOTE_PROXY_USER_HEADER and FOOTNOTE_PROXY_GROUPS_HEADER are both {self._user!r}.",
                "Name a header of the proxy's for each.",
            )
        if not settings.proxy_addresses:
            raise BadInput(
                "FOOTNOTE_PROXY_USER_HEADER is set, and FOOTNOTE_PROXY_ADDRESSES is not.",
                "Say from which addresses that header is believed.",
            )
        self._networks = networks(settings.proxy_addresses)
        self._people = PersonGrants(settings)

    def grant(
        self, headers: Mapping[str, str], *, repeated: Collection[str], address: str, bearer: str
    ) -> Grant | None:
        """Return what the one may do whom the proxy names, None where it names nobody; raises NotAllowed."""
        user = headers.get(self._user)
        groups = headers.get(self._groups) if self._groups else None
        if user is None and groups is None:
            return None
        if not self.is_from(address):
            raise NotAllowed(
                f"The header {self._user if user is not None else self._groups} is the proxy's to send.",
                "Leave it out; or the proxy's address is missing in FOOTNOTE_PROXY_ADDRESSES.",
            )
        if bearer:
            raise NotAllowed(
                "There is a token beside the proxy's headers, and they may mean different people.",
                "Send one of them; have the proxy take `Authorization` out.",
            )
        for name in (self._user, self._groups):
            if name in repeated:
                raise NotAllowed(f"The header {name} is there twice.", _TWICE)
        if user is None:
            raise NotAllowed("The proxy names groups and no user.", f"Have it send {self._user} too.")
        named = (_read(groups or "", self._groups)).split(",")
        return self._people.grant(
            "proxy",
            user=_read(user, self._user).strip(),
            groups=[name for each in named if (name := each.strip())],
        )

    def is_from(self, address: str) -> bool:
        """Say whether a request from this address is the proxy's."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        # A socket for both versions shows the older addresses inside the newer ones.
        plain = getattr(found, "ipv4_mapped", None) or found
        return any(plain in network for network in self._networks)


def _read(value: str, header: str) -> str:
    """Return a header's text: servers hand its bytes on as Latin-1, proxies write UTF-8."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        raise NotAllowed(f"The header {header} is not UTF-8.", "Have the proxy write it so.") from None
