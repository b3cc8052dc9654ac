"""What ingestion remembers survives other runs, and is never silently replaced."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ingest.sources.ledger import FILE_NAME, Ledger, load_ledger, update_ledger
from ingest.sources.roots import Root
from ingest.sources.shared import Flags, PastFailure
from vectorstore.errors import BadInput


def test_ledger_comes_back_as_it_was(tmp_path: Path) -> None:
    def fill(ledger: Ledger) -> None:
        ledger.roots = [Root("docs", Path("/srv/docs"))]
        ledger.flags = {"docs/hr/": Flags(frozenset({"hr"})), "docs/": Flags(None, "all")}
        ledger.failures = {"docs/a.pdf": PastFailure("0", "corrupt", "It is damaged.")}

    assert update_ledger(tmp_path / "data", fill) == load_ledger(tmp_path / "data")


def test_access_lists_of_two_runs_at_once_are_both_kept(tmp_path: Path) -> None:
    def grant(number: int) -> None:
        update_ledger(tmp_path, lambda ledger: ledger.flags.update({f"d{number}/": Flags(frozenset("a"))}))

    with ThreadPoolExecutor(8) as threads:
        list(threads.map(grant, range(40)))
    assert len(load_ledger(tmp_path).flags) == 40


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


def test_release_that_reads_more_formats_tries_failures_again(tmp_path: Path) -> None:
    def fill(ledger: Ledger) -> None:
        ledger.failures = {"docs/a.xyz": PastFailure("0", "skipped", "Not read.")}
        ledger.formats = ["text/plain"]

    update_ledger(tmp_path, fill)
    assert load_ledger(tmp_path).failures == {}
