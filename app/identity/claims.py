"""From what a token says to who its holder is: user, groups and tenant, each under the name that the settings give.

What cannot be read for certain is refused: groups that are not all there, or are no list, are never read as none.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from app.access_settings import IdentitySettings, listed
from app.identity.grant import READING, RIGHTS_OF, Grant, Right, name_of, person_id
from vectorstore.errors import BadInput, NotAllowed
from vectorstore.types import Scope

_ABSENT: Final = object()
_MOST: Final = 2_000
"""Groups of one person."""
_AGAIN: Final = "Have the one who runs the service look at {}."


class PersonGrants:
    """Makes grants of the names of people, whoever vouches for them."""

    def __init__(self, settings: IdentitySettings) -> None:
        self._settings = settings
        self._operators = frozenset(map(name_of, listed(settings.operator_groups)))
        self._writers = frozenset(map(name_of, listed(settings.writer_groups)))

    def grant(
        self,
        key: str,
        *,
        user: object,
        groups: Iterable[object],
        tenant: object = _ABSENT,
        expires: float | None = None,
    ) -> Grant:
        """Return what somebody may do; `tenant` left out: that of the settings. Raises NotAllowed for what is no name."""
        given = list(groups)
        if len(given) > _MOST:
            raise NotAllowed(f"There are more than {_MOST:,} groups.", "Have the provider send only some.")
        name = _name(user, "user")
        home = self._settings.oidc_tenant if tenant is _ABSENT else _name(tenant, "tenant")
        scope = Scope(home, frozenset(_name(group, "group") for group in given), user=name)
        rights: tuple[Right, ...] = READING
        # The scope's own names: a group that is called like a person is nobody.
        if scope.names & self._operators:
            scope, rights = Scope(home, scope.groups, unrestricted=True, user=name), RIGHTS_OF["operator"]
        elif scope.names & self._writers:
            rights = (*READING, "write")
        return Grant(key, scope, frozenset(rights), person=person_id(home, name), expires=expires)

    def of_claims(self, claims: Mapping[str, Any]) -> Grant:  # Any: parsed JSON of a checked token
        """Return what the holder of a token may do; raises NotAllowed."""
        settings = self._settings
        for claim in (settings.oidc_groups_claim, settings.oidc_user_claim, settings.oidc_tenant_claim):
            _refuse_elsewhere(claims, claim)
        tenant: object = settings.oidc_tenant
        if settings.oidc_tenant_claim:
            tenant = _found(claims, settings.oidc_tenant_claim)
            if tenant is _ABSENT:
                raise NotAllowed("The token names no tenant.", _AGAIN.format("FOOTNOTE_OIDC_TENANT_CLAIM"))
        user = _found(claims, settings.oidc_user_claim)
        if settings.oidc_user_claim == "email" and claims.get("email_verified") is not True:
            raise NotAllowed(
                "The provider does not say that the mail address is the user's own.",
                "Verify it there, or have FOOTNOTE_OIDC_USER_CLAIM name another claim.",
            )
        groups = _found(claims, settings.oidc_groups_claim)
        if groups is _ABSENT:
            groups = []
        if not isinstance(groups, list):
            raise NotAllowed("The token's groups are no list.", _AGAIN.format("FOOTNOTE_OIDC_GROUPS_CLAIM"))
        return self.grant("oidc", user=user, groups=groups, tenant=tenant, expires=float(claims["exp"]))


def _refuse_elsewhere(claims: Mapping[str, Any], claim: str) -> None:
    """Refuse a token that says: too many, ask elsewhere (OpenID Connect Core 5.6.2, Entra ID's overage)."""
    first = claim.partition(".")[0]
    names = claims.get("_claim_names", {})
    is_elsewhere = not isinstance(names, dict) or bool({claim, first} & names.keys())
    if is_elsewhere or (claim == "groups" and claims.get("hasgroups", False) is not False):
        raise NotAllowed(
            "The token does not hold all that says who you are: you are in more groups than the provider puts into it.",
            "Have it send only the groups that are assigned to this service, or app roles instead.",
        )


def _found(claims: Any, path: str) -> Any:
    """Return the claim of this very name, or where its dots lead; _ABSENT where there is none.

    Raises NotAllowed where the way leads through what is no object: that is not the same as nothing.
    """
    if path in claims:
        return claims[path]
    head = path
    while (head := head.rpartition(".")[0]) != "":
        if head in claims:
            if not isinstance(claims[head], dict):
                raise NotAllowed(
                    "The token's claims have another form than the settings say.",
                    _AGAIN.format("the settings of claims"),
                )
            return _found(claims[head], path[len(head) + 1 :])
    return _ABSENT


def _name(given: object, what: str) -> str:
    """Return a name as documents write it; raises NotAllowed for what can be none."""
    try:
        return name_of(given if isinstance(given, str) else "")
    except BadInput:
        raise NotAllowed(
            f"What the provider or the proxy sends as name of the {what} is none.",
            "It has to be a text of 1 to 200 visible characters.",
        ) from None
