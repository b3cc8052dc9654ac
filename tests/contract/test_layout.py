"""An index says which versions may use it; all others are told so in one sentence, in every engine."""

from typing import cast

import pytest

from tests.contract.conftest import Open
from tests.vectorstore.sample import find, put, sample
from vectorstore.errors import BadInput, StoreDamaged
from vectorstore.index.store import IndexStore
from vectorstore.index.truth.seal import write_meta


@pytest.mark.parametrize(
    ("made", "serves", "refused"),
    [
        ("1", None, ""),
        ("2", "1", ""),
        ("9", "1", ""),
        ("2", "2", "which versions that read only 1 may not use any more"),
        ("9", "4", "which versions that read only 1 may not use any more"),
        ("0", "0", "this version of Footnote reads 1 and later"),
        ("?", None, "which no version of Footnote knows"),
    ],
)
def test_layouts_outside_a_versions_range_are_refused(
    made: str, serves: str | None, refused: str, open_engine: Open
) -> None:
    store = cast(IndexStore, open_engine())
    with store.draft() as draft:
        put(draft, sample("a.md", "The fox."))
    with store.database.connection() as connection, connection.transaction():
        write_meta(connection, schema=made, serves=serves)
    if refused:
        with pytest.raises(StoreDamaged, match=refused) as told, store.snapshot():
            pass
        assert told.value.what.count(".") == 1
        with pytest.raises(StoreDamaged, match=refused):
            open_engine()
        return
    with store.draft() as draft:
        put(draft, sample("b.md", "Another fox."))
    with open_engine().snapshot() as snapshot:
        assert len(find(snapshot, "fox")) == 2


def test_a_character_that_one_engine_cannot_store_is_refused_by_all(open_engine: Open) -> None:
    store = open_engine()
    with store.draft() as draft:
        with pytest.raises(BadInput, match=r"U\+0000"):
            put(draft, sample("a.md", "The f\0x."))
        with pytest.raises(BadInput, match=r"U\+0000"):
            put(draft, sample("a.md", "The fox.", title="F\0x"))
    assert [each.number for each in store.generations()] in ([], [0])
