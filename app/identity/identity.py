"""From what a request shows to what its sender may do: keys, people with a provider's token, people behind a proxy."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.identity.grant import Grant
from app.identity.keys import Keys
from vectorstore.errors import NotAllowed


@dataclass(frozen=True, slots=True)
class Shown:
    """What a request shows of who sends it. `bearer` is what stands in `Authorization: Bearer`, empty for nothing.

    `headers` are by lower-case name; `address` is the peer's, of the proxy where there is one.
    """

    bearer: str = ""
    address: str = ""
    origin: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


class Identity:
    """Who calls. Every way in is asked here, and nothing that is shown is passed over in silence."""

    def __init__(self, keys: Keys) -> None:
        self.keys = keys

    @property
    def is_closed(self) -> bool:
        """Say whether whoever shows nothing is refused: from the first key on."""
        return self.keys.exist()

    async def grant(self, shown: Shown) -> Grant | None:
        """Return what the sender may do, None where nothing is shown that counts; raises NotAllowed."""
        # Clients must send something as a key; what it is does not matter until there are keys, except that one
        # of ours which is unknown here is a mistake worth saying.
        if shown.bearer.startswith("fn_") or self.is_closed:
            if not shown.bearer:
                raise NotAllowed("This needs an API key.", "Send `Authorization: Bearer fn_…`.")
            return self.keys.check(shown.bearer)
        return None
