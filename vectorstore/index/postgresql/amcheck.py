"""The server's own check of tables and indexes, where somebody has let this database have the extension amcheck."""

from collections.abc import Iterator

from vectorstore.errors import StoreDamaged
from vectorstore.index.truth.database import Connection

_TO_BE_HAD = (
    "SELECT n.nspname FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace"
    " WHERE e.extname = 'amcheck' AND (SELECT bool_and(has_function_privilege(p.oid, 'execute')) FROM pg_proc p"
    " WHERE p.pronamespace = n.oid AND p.proname IN ('bt_index_check', 'verify_heapam'))"
)
_RELATIONS = (
    "SELECT c.oid, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
    " LEFT JOIN pg_am a ON a.oid = c.relam WHERE n.nspname = ? AND c.relkind = ?"
    " AND a.amname = ? ORDER BY c.relname"
)


def damage_in_files(connection: Connection, schema: str) -> Iterator[str]:
    """Yield what amcheck finds wrong, one sentence each; nothing where it is not to be had."""
    where = connection.one(_TO_BE_HAD)
    if where is None:
        return
    for oid, name in connection.rows(_RELATIONS, (schema, "r", "heap")):
        try:
            found = connection.rows(f'SELECT blkno, msg FROM "{where[0]}".verify_heapam(?) LIMIT 20', (oid,))
        except StoreDamaged as error:
            yield error.what
            continue
        for block, message in found:
            yield f"PostgreSQL: {name!r}, block {block}: {message}"
    for oid, _ in connection.rows(_RELATIONS, (schema, "i", "btree")):
        try:
            connection.rows(f'SELECT "{where[0]}".bt_index_check(CAST(? AS oid), true)', (oid,))
        except StoreDamaged as error:
            yield error.what
