"""What a caller may do: the one value that every way in ends in, whatever was shown at the door."""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from vectorstore.types import Scope

Right: TypeAlias = Literal["chat", "search", "documents", "write", "act", "operate"]
"""`act` lets a key name the user it asks for; `operate` shows who may read what, and asks as somebody else."""
READING: Final[tuple[Right, ...]] = ("chat", "search", "documents")
"""What a key may do unless it says otherwise: it changes nothing."""
RIGHTS: Final[tuple[Right, ...]] = (*READING, "write", "act", "operate")

Kind: TypeAlias = Literal["operator", "server", "page", "ingest"]
RIGHTS_OF: Final[dict[Kind, tuple[Right, ...]]] = {
    "operator": (*READING, "write", "operate"),
    "server": (*READING, "act"),
    "page": ("chat",),
    "ingest": ("search", "documents", "write"),
}


@dataclass(frozen=True, slots=True)
class Grant:
    """What a caller may do.

    `key` is the key's id, or what stands for one (`local`, `oidc`, `proxy`). `person` says whose runs and
    conversations are theirs where several people come with one key; `origins` are the only pages it may come from
    (empty: any that may call the service); `expires` is when it ends, in seconds since 1970.
    """

    key: str
    scope: Scope
    rights: frozenset[Right]
    person: str = ""
    origins: frozenset[str] = frozenset()
    expires: float | None = None

    @property
    def owner(self) -> str:
        """Whose runs and conversations are theirs."""
        return self.person or self.key


LOCAL: Final = Grant("local", Scope(), frozenset((*READING, "write")))
"""What this machine itself may do where no key was ever made."""


def person_id(tenant: str, user: str) -> str:
    """Name a person as the owner of what they asked: the same by whichever way they came in."""
    return "u_" + hashlib.sha256(f"{tenant}\0{user}".encode("utf-8", "surrogatepass")).hexdigest()[:40]
