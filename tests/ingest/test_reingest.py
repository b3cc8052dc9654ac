"""D9: a folder ingested again and again stays as it is; renamed, edited and deleted files leave nothing behind."""

from pathlib import Path

import pytest

from tests.ingest.test_pipeline import Desk, desk, pool
from vectorstore.index.upkeep import IndexUpkeep

__all__ = ["desk", "pool"]  # fixtures


def write(desk: Desk, number: int, *, edition: int = 0) -> None:
    desk.write(**{f"{number}_md": f"# Document {number}\n\nThis is edition {edition} of number {number}."})


def chunks(desk: Desk) -> dict[str, list[str]]:
    with desk.store.snapshot() as snapshot:
        return {
            uri: [chunk.id for chunk in snapshot.chunks(document.id)]
            for uri, document in desk.documents().items()
        }


def reingest(desk: Desk, *, documents: int) -> None:
    for number in range(documents):
        write(desk, number)
    desk.ingest()
    first, generations = chunks(desk), len(desk.store.generations())
    assert len(first) == documents
    for _ in range(9):
        report = desk.ingest()
        assert report.embedded == 0
    assert chunks(desk) == first
    assert len(desk.store.generations()) == generations

    tenth = documents // 10
    for number in range(tenth):
        Path(desk.docs / f"{number}.md").rename(desk.docs / f"moved-{number}.md")
        write(desk, tenth + number, edition=1)
        (desk.docs / f"{2 * tenth + number}.md").unlink()
    desk.ingest(prune=True)
    after = chunks(desk)
    gone = {f"docs/{number}.md" for number in (*range(tenth), *range(2 * tenth, 3 * tenth))}
    assert set(after) == (set(first) - gone) | {f"docs/moved-{number}.md" for number in range(tenth)}
    untouched = [f"docs/{number}.md" for number in range(3 * tenth, documents)]
    assert {uri: after[uri] for uri in untouched} == {uri: first[uri] for uri in untouched}
    for number in range(tenth):
        assert "edition 1" in desk.text(f"docs/{tenth + number}.md")
    with desk.store.snapshot() as snapshot:
        assert snapshot.info().chunks == sum(map(len, after.values()))
    assert IndexUpkeep(desk.store).verify().sound  # type: ignore[attr-defined]


def test_folder_ingested_ten_times_stays_as_it_is(desk: Desk) -> None:
    reingest(desk, documents=30)


@pytest.mark.slow
def test_thousand_documents_ingested_ten_times_stay_as_they_are(desk: Desk) -> None:
    reingest(desk, documents=1_000)
