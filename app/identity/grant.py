"""What a caller may do: the one value that every way in ends in, whatever was shown at the door."""

import hashlib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from vectorstore.errors import BadInput, NotAllowed
from vectorstore.types import USER, Scope

Right: TypeAlias = Literal["chat", "search", "documents", "write", "act", "operate", "metrics"]
"""`act` lets a key name the user it asks for; `operate` shows who may read what, and asks as somebody else; `metrics`
reads the figures of the whole service, of all tenants together."""
READING: Final[tuple[Right, ...]] = ("chat", "search", "documents")
"""What a key may do unless it says otherwise: it changes nothing."""
RIGHTS: Final[tuple[Right, ...]] = (*READING, "write", "act", "operate", "metrics")

Kind: TypeAlias = Literal["operator", "server", "page", "ingest", "metrics"]
RIGHTS_OF: Final[dict[Kind, tuple[Right, ...]]] = {
    "operator": (*READING, "write", "operate", "metrics"),
    "server": (*READING, "act"),
    "page": ("chat",),
    "ingest": ("search", "documents", "write"),
    "metrics": ("metrics",),
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

    @property
    def cites_only(self) -> bool:
        """Say whether they see of the documents only what an answer cites: strangers who visit a page."""
        return bool(self.origins)


EXPIRED: Final = "The token has expired."
"""Said of tokens that were good: nobody has tried anything."""
LOCAL: Final = Grant("local", Scope(), frozenset((*READING, "write", "metrics")))
"""What this machine itself may do where no key was ever made."""


def person_id(tenant: str, user: str) -> str:
    """Name a person as the owner of what they asked: the same by whichever way they came in, however it is typed."""
    user = unicodedata.normalize("NFC", user)
    return "u_" + hashlib.sha256(f"{tenant}\0{user}".encode("utf-8", "surrogatepass")).hexdigest()[:40]


def is_person(owner: str) -> bool:
    """Say whether an owner is one person, or a page's visitor, and not a key that many may share."""
    return owner.startswith(("u_", "v_"))


_LONGEST_NAME: Final = 200
_MOST_GROUPS: Final = 200


def for_user(granted: Grant, user: str, groups: Iterable[str]) -> Grant:
    """Return what a key that may act for users grants one of them: of its own groups those named, and no others.

    Raises BadInput for names that are none, NotAllowed for a group that is not the key's.
    """
    person, narrowed = name_of(user), names_of(groups)
    if foreign := sorted(narrowed - granted.scope.groups):
        raise NotAllowed(
            f"This key does not belong to the group {foreign[0]!r}.", "Name groups of the key only."
        )
    tenant = granted.scope.tenant
    return replace(
        granted,
        scope=Scope(tenant, narrowed, user=person),
        rights=granted.rights - {"act", "operate", "metrics"},
        person=person_id(tenant, person),
    )


def seen_as(granted: Grant, user: str, groups: Iterable[str]) -> Grant:
    """Return an operator's grant with the sight of somebody else: to read, and never that one's conversations.

    Raises BadInput for names that are none.
    """
    scope = Scope(granted.scope.tenant, names_of(groups), user=name_of(user) if user else "")
    return replace(granted, scope=scope, rights=granted.rights & frozenset(READING))


def sight_of(tenant: str, user: str, groups: Iterable[str]) -> Scope:
    """Return what somebody sees; an empty `user` is nobody in particular. Raises BadInput for names that are none.

    A group that is called like a person is nobody here, as it is in a token.
    """
    return Scope(tenant, frozenset(map(name_of, groups)), user=name_of(user) if user else "")


def preview_of(tenant: str, user: str | None, groups: Iterable[str] | None) -> Scope:
    """Return what is seen at the machine itself: all, or where a user or groups are named what they would see.

    Raises BadInput for names that are none: an empty one is not everybody.
    """
    if user is None and not groups:
        return Scope(tenant, unrestricted=True)
    return sight_of(tenant, name_of(user) if user is not None else "", groups or ())


def name_of(given: str) -> str:
    """Return the name of a user or a group as documents write it; raises BadInput for what can be none."""
    name = unicodedata.normalize("NFC", given)
    if not name or len(name) > _LONGEST_NAME or not name.isprintable() or name != name.strip():
        raise BadInput(
            f"{given[:_LONGEST_NAME]!r} is no name of a user or a group.",
            f"One has 1 to {_LONGEST_NAME} characters that can be printed, and no space around them.",
        )
    return name


def names_of(groups: Iterable[str], *, most: int = _MOST_GROUPS) -> frozenset[str]:
    """Return the names of groups; raises BadInput for one that can be none, or that means a person, and for too many."""
    names = frozenset(map(name_of, groups))
    if len(names) > most:
        raise BadInput(f"{len(names):,} groups are too many.", f"Name at most {most:,}.")
    if people := sorted(name for name in names if name.startswith(USER)):
        raise BadInput(f"{people[0]!r} is a person and no group.", "Name the person as the user.")
    return names
