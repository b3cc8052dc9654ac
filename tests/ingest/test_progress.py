"""Progress is a line for each hundred files in a log, a bar on a terminal, nothing when quiet."""

from ingest.progress import Progress, bar, display, lines, unheard


def test_lines_come_for_each_hundred_files_and_once_a_minute() -> None:
    now, written = [0.0], []
    with lines(clock=lambda: now[0], write=written.append) as show:
        for second, documents in enumerate([0, 60, 99, 130, 190, 420, 420]):
            now[0] = float(second)
            show(Progress(documents, documents, 500, documents * 10))
        now[0] = 70.0
        show(Progress(421, 420, 500, 7_000))
    assert written == [
        "ingesting: 130 of 500 documents, 1,300 passages, 433/s\n",
        "ingesting: 420 of 500 documents, 4,200 passages, 840/s\n",
        "ingesting: 421 of 500 documents, 7,000 passages, 100/s\n",
    ]


def test_bar_takes_progress_without_a_terminal() -> None:
    with bar() as show:
        show(Progress(1, 0, 2, 10))


def test_quiet_hears_nothing() -> None:
    with display(quiet=True) as show:
        assert show is unheard
