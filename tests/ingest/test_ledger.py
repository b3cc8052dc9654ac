"""What ingestion remembers survives other runs, and is never silently replaced."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import ingest.sources.ledger as module
from ingest.sources.ledger import FILE_NAME, Ledger, load_ledger, update_ledger
from ingest.sources.roots import Root
from ingest.sources.shared import Flags, PastFailure
from tests.postgresql import needs_postgresql
from tests.state import database_state
from vectorstore.errors import BadInput
from vectorstore.state.cell import State


def test_ledger_comes_back_as_it_was(state: State) -> None:
    def fill(ledger: Ledger) -> None:
        ledger.roots = [Root("docs", Path("/srv/docs"))]
        ledger.flags = {"docs/hr/": Flags(frozenset({"hr"})), "docs/": Flags(None, "all")}
        ledger.failures = {"docs/a.pdf": PastFailure("0", "corrupt", "It is damaged.")}

    assert update_ledger(state, fill) == load_ledger(state)


def test_access_lists_of_two_runs_at_once_are_both_kept(state: State) -> None:
    def grant(number: int) -> None:
        update_ledger(state, lambda ledger: ledger.flags.update({f"d{number}/": Flags(frozenset("a"))}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(grant, range(40)))
    assert len(load_ledger(state).flags) == 40


def test_nearest_grant_holds() -> None:
    ledger = Ledger(flags={"docs/": Flags(frozenset({"all"})), "docs/hr/": Flags(frozenset({"hr"}))})
    ledger.flags["docs/a.md"] = Flags(frozenset({"one"}))
    assert ledger.flags_of("docs/hr/pay.md").readers == {"hr"}
    assert ledger.flags_of("docs/b.md").readers == {"all"}
    assert ledger.flags_of("docs/a.md").readers == {"one"}
    assert ledger.flags_of("docs/a.md.txt").readers == {"all"}
    assert ledger.flags_of("other/b.md") == Flags()


def test_damaged_ledger_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / FILE_NAME).write_text('{"grants": 5')
    with pytest.raises(BadInput, match="damaged"):
        load_ledger(tmp_path)


def test_release_that_reads_more_formats_tries_failures_again(
    state: State, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fill(ledger: Ledger) -> None:
        ledger.failures = {"docs/a.xyz": PastFailure("0", "skipped", "Not read.")}

    with monkeypatch.context() as earlier:
        earlier.setattr(module, "formats", lambda: ["text/plain"])
        update_ledger(state, fill)
        assert "docs/a.xyz" in load_ledger(state).failures
    assert load_ledger(state).failures == {}


@needs_postgresql
def test_machines_share_flags_and_failures_and_each_has_its_folders(
    postgresql_url: str, tmp_path: Path
) -> None:
    ours, theirs = (database_state(postgresql_url, tmp_path / name) for name in ("one", "two"))

    def fill(ledger: Ledger) -> None:
        ledger.roots = [Root("docs", Path("/srv/docs"))]
        ledger.flags["docs/hr/"] = Flags(frozenset({"hr"}))
        ledger.failures["docs/a.pdf"] = PastFailure("0", "corrupt", "It is damaged.", "2026-01-01")

    update_ledger(ours, fill)
    seen = load_ledger(theirs)
    assert (seen.roots, seen.flags_of("docs/hr/pay.md").readers) == ([], {"hr"})
    assert seen.failures["docs/a.pdf"].reason == "corrupt"
    update_ledger(theirs, lambda ledger: ledger.forget(frozenset({"docs/a.pdf"})))
    assert load_ledger(ours).failures == {}
    assert b"hr" not in (tmp_path / "one" / FILE_NAME).read_bytes()
    for each in (ours, theirs):
        each.database.close()


@needs_postgresql
def test_access_lists_from_before_the_database_are_taken_along(postgresql_url: str, tmp_path: Path) -> None:
    update_ledger(tmp_path, lambda ledger: ledger.flags.update({"docs/": Flags(frozenset({"hr"}))}))
    state = database_state(postgresql_url, tmp_path)
    assert load_ledger(state).flags_of("docs/a.md").readers == {"hr"}
    update_ledger(state, lambda ledger: None)
    assert load_ledger(state).flags_of("docs/a.md").readers == {"hr"}
    assert load_ledger(tmp_path).flags == {}
    state.database.close()
