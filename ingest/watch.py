"""Runs an ingest again whenever something under its folders changes."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from threading import Event


def watch_paths(
    paths: Sequence[Path], again: Callable[[], None], *, data_dir: Path, stop: "Event | None" = None
) -> None:
    """Call `again` after each burst of changes, until interrupted or `stop` is set.

    Hidden files and the index itself are not watched.
    """
    from watchfiles import Change, watch

    own = data_dir.resolve()

    def is_document(_: Change, changed: str) -> bool:
        path = Path(changed)
        return own not in path.parents and path != own and not path.name.startswith((".", "~$"))

    # The first timeout comes when the watch stands: what changed before that is looked for once.
    caught_up = False
    changed = watch(
        *paths,
        watch_filter=is_document,
        stop_event=stop,
        raise_interrupt=True,
        rust_timeout=1_000,
        yield_on_timeout=True,
    )
    for changes in changed:
        if changes or not caught_up:
            caught_up = True
            again()
