"""What `footnote doctor` asks of other machines: the database, object storage, Milvus, Redis, the workers' queue, and backups."""

import time
from collections.abc import Callable, Iterator

from app.commands.finding import Finding
from vectorstore.settings import StoreSettings

_UNATTENDED = 60.0
"""Seconds for which documents may wait before somebody is told that no worker takes them."""


def checks() -> Iterator[tuple[str, Callable[[], Finding]]]:
    """Yield what there is to check with these settings, by what it is about."""
    from app.settings import Settings

    settings = Settings()
    yield "Database", _database
    if settings.store.store.get_secret_value():
        yield "Queue", _queue
    yield "Object storage", _objects
    if settings.store.search == "milvus":
        yield "Milvus", _milvus
    if settings.store.store.get_secret_value() or settings.runs.runs_url or settings.budgets.budgets_url:
        yield "Redis", _redis
    yield "Backups", _backups


def _database() -> Finding:
    settings = StoreSettings()
    if not settings.store.get_secret_value():
        return Finding("Database", "ok", "a file in the data folder.")
    from app.runs.record_tables import schema_of
    from app.settings import RecordSettings
    from vectorstore.index.postgresql.examine import examine

    found = examine(settings, beside=None if RecordSettings().records_url else schema_of)
    return Finding("Database", found.state, found.says, found.do)


def _queue() -> Finding:
    from ingest.jobs.board import Board
    from ingest.jobs.job import counted
    from vectorstore.open import open_database

    database = open_database(StoreSettings())
    try:
        with database.connection() as connection:
            if not connection.has_table("jobs"):
                return Finding("Queue", "ok", "nothing was ever queued.")
        board = Board(database)
        counts, unattended = board.counts(), board.unattended_seconds()
    finally:
        database.close()
    if unattended > _UNATTENDED:
        return Finding(
            "Queue",
            "wrong",
            f"documents have been waiting for {unattended:,.0f} s, and no worker takes them ({counted(counts.states)}).",
            "Start `footnote worker`, or read what the ones that run say.",
        )
    if counts.states.get("failed"):
        return Finding(
            "Queue", "note", f"{counted(counts.states)}.", "Look at them: footnote jobs ls --state failed"
        )
    return Finding("Queue", "ok", f"{counted(counts.states)}.")


def _objects() -> Finding:
    from vectorstore.objects.store import open_objects

    objects = open_objects()
    if objects is None:
        if StoreSettings().store.get_secret_value():
            return Finding(
                "Object storage",
                "note",
                "none; uploaded files, and those that wait for a worker, lie in this machine's data folder alone.",
                "With replicas or workers on other machines, set FOOTNOTE_OBJECTS on all of them.",
            )
        return Finding("Object storage", "ok", "none; uploaded files lie in the data folder.")
    started = time.perf_counter()
    objects.try_out()
    took = f"{objects.url} put, gave back and deleted in {time.perf_counter() - started:.1f} s"
    if (keeps := objects.keeps_versions) is None:
        said = f"{took}; whether it keeps older versions cannot be asked."
        return Finding(
            "Object storage",
            "note",
            said,
            "Have a rule of the bucket delete those: erased text may be in them.",
        )
    versions = "; older versions are deleted too" if keeps else ""
    return Finding("Object storage", "ok", f"{took}{versions}")


def _backups() -> Finding:
    """Say when the last one was completed; where it lies is not asked, which `footnote backups verify` does."""
    from app.people.people import last_backup
    from app.settings import BackupSettings
    from vectorstore.state.open import open_state

    state = open_state(StoreSettings())
    if (found := last_backup(state)) is None:
        return Finding(
            "Backups", "note", "none was made yet.", "Run `footnote backup DEST`, best each night."
        )
    completed, where = found
    days = (time.time() - completed) / 86_400
    says = f"the last was completed {days:,.1f} days ago, in {where}."
    if days > BackupSettings().backup_days:
        return Finding(
            "Backups",
            "note",
            says,
            "See why there is none since; FOOTNOTE_BACKUP_DAYS says from when it is old.",
        )
    return Finding("Backups", "ok", says)


def _milvus() -> Finding:
    from vectorstore.open import open_milvus

    milvus = open_milvus(StoreSettings())
    try:
        count = len(milvus.collections())
    finally:
        milvus.close()
    return Finding(
        "Milvus", "ok", f"{milvus.place} answers; it has {count} collection{'' if count == 1 else 's'}."
    )


def _redis() -> Finding:
    from app.runs.redis_format import check_board, place_of
    from app.settings import Settings

    settings = Settings()
    urls = list(dict.fromkeys(filter(None, (settings.runs.runs_url, settings.budgets.budgets_url))))
    for url in urls:
        check_board(url)
    answers = [f"{place_of(url)} answers" for url in urls]
    if settings.runs.runs_url:
        return Finding("Redis", "ok", f"{', '.join(answers)}.")
    return Finding(
        "Redis",
        "note",
        f"{', '.join(answers) or 'none'}; an answer is resumed and stopped only at the process that writes it.",
        "With several replicas, set FOOTNOTE_RUNS_URL on all of them.",
    )
