"""What changed between two generations."""

from dataclasses import dataclass

from vectorstore.embedded import truth
from vectorstore.embedded.database import Connection
from vectorstore.types import Generation


@dataclass(frozen=True, slots=True)
class Difference:
    """Documents by (tenant, uri): in the second generation only, in the first only, in both but not the same."""

    added: tuple[tuple[str, str], ...]
    removed: tuple[tuple[str, str], ...]
    changed: tuple[tuple[str, str], ...]


def difference(connection: Connection, first: Generation, second: Generation) -> Difference:
    """Compare two kept generations."""
    before, after = (_documents(connection, number) for number in (first, second))
    both = before.keys() & after.keys()
    return Difference(
        added=tuple(sorted(after.keys() - before.keys())),
        removed=tuple(sorted(before.keys() - after.keys())),
        changed=tuple(sorted(key for key in both if before[key] != after[key])),
    )


def _documents(connection: Connection, generation: Generation) -> dict[tuple[str, str], int]:
    sql = f"SELECT d.tenant, d.uri, d.row FROM documents d JOIN lives l ON l.document = d.row WHERE {truth.VISIBLE}"
    return {(tenant, uri): row for tenant, uri, row in connection.rows(sql, (generation, generation))}
