"""Progress is a line every few seconds in a log, a bar on a terminal, nothing when quiet."""

from ingest.progress import Progress, bar, display, lines, unheard


def test_lines_come_every_few_seconds_only() -> None:
    now, written = [0.0], []
    with lines(every=5.0, clock=lambda: now[0], write=written.append) as show:
        for second in range(13):
            now[0] = float(second)
            show(Progress(second, second, 20, second * 100))
    assert written == [
        "ingesting: 5 of 20 documents, 500 passages, 100/s\n",
        "ingesting: 10 of 20 documents, 1,000 passages, 100/s\n",
    ]


def test_bar_takes_progress_without_a_terminal() -> None:
    with bar() as show:
        show(Progress(1, 0, 2, 10))


def test_quiet_hears_nothing() -> None:
    with display(quiet=True) as show:
        assert show is unheard
