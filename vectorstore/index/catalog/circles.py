"""Documents by who may read them: what a caller sees is told circle by circle, of which there are few."""

import json
from threading import RLock

import numpy as np
import numpy.typing as npt

from vectorstore.errors import StoreDamaged
from vectorstore.index.truth.records import readers_row
from vectorstore.types import Scope

Numbers = npt.NDArray[np.int32]
"""The circle of each document of a catalog, `NOBODY_S` for one that nobody may read."""

NOBODY_S = -1


class Circles:
    """Numbers each tenant and list of readers. It only grows, so that a number means the same in all generations."""

    def __init__(self) -> None:
        self._lock = RLock()
        self._tenants: dict[str, _Tenant] = {}
        self._of: list[tuple[str, str]] = []
        self._everyones: list[int] = []

    def __len__(self) -> int:
        return len(self._of)

    def number(self, tenant: str, readers: str) -> int:
        """Return the number of a tenant's documents with these readers, given as they are kept.

        Raises StoreDamaged when they cannot be read.
        """
        held = self._tenants.get(tenant)
        found = held.numbers.get(readers) if held else None
        return self._added(tenant, readers) if found is None else found

    def of(self, number: int) -> tuple[str, frozenset[str]]:
        """Return a circle's tenant and readers."""
        tenant, readers = self._of[number]
        return tenant, _read(readers)

    def everyones(self) -> Numbers:
        """Return for each circle that of its tenant's documents without readers; one more, for nobody's."""
        with self._lock:
            return np.array([*self._everyones, NOBODY_S], np.int32)

    def known(self, scope: Scope) -> frozenset[str]:
        """Return by which of a caller's names there are documents in the tenant: users are many, these few."""
        held = self._tenants.get(scope.tenant)
        return frozenset(name for name in scope.names if name in held.by_name) if held else frozenset()

    def allowed(self, scope: Scope) -> npt.NDArray[np.bool_]:
        """Say of each circle whether the scope allows it; one more, and always False, for nobody's."""
        # One that is added between the two would take the place of nobody's.
        with self._lock:
            flags = np.zeros(len(self._of) + 1, bool)
            held = self._tenants.get(scope.tenant)
            if held is None:
                return flags
            if scope.unrestricted:
                flags[held.circles] = True
                return flags
            flags[held.circles[0]] = True
            for name in self.known(scope):
                flags[held.by_name[name]] = True
            return flags

    def _added(self, tenant: str, readers: str) -> int:
        with self._lock:
            held = self._tenants.get(tenant) or _Tenant()
            if not held.circles:
                # First of all, so that every other circle of the tenant can name it.
                self._add(held, tenant, readers_row(()))
                self._tenants[tenant] = held
            # Two ways to write a list are one circle.
            written = readers_row(_read(readers))
            if written not in held.numbers:
                self._add(held, tenant, written)
            return held.numbers.setdefault(readers, held.numbers[written])

    def _add(self, held: "_Tenant", tenant: str, readers: str) -> None:
        number = len(self._of)
        self._everyones.append(held.circles[0] if held.circles else number)
        self._of.append((tenant, readers))
        held.numbers[readers] = number
        held.circles.append(number)
        for name in _read(readers):
            held.by_name.setdefault(name, []).append(number)


class _Tenant:
    """A tenant's circles, that of its documents without readers first."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.circles: list[int] = []
        self.by_name: dict[str, list[int]] = {}


def _read(readers: str) -> frozenset[str]:
    try:
        return frozenset(json.loads(readers))
    except (ValueError, TypeError) as error:
        raise StoreDamaged(
            "The readers of a document in the index cannot be read.", "Run `footnote index verify`."
        ) from error
