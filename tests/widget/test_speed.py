"""How long the page's one thread is held. Slow: the figures mean something on a quiet machine only."""

from typing import Any

import pytest

from app.events import Done, SentenceChecked, Text
from tests.widget.driving import chat, write
from tests.widget.stage import LONG_PARAGRAPH, OPENING, Stage, slowed

pytestmark = [pytest.mark.browser, pytest.mark.slow]

WATCH = """window.longest = []; new PerformanceObserver(list => longest.push(...list.getEntries().map(one => [Math.round(one.startTime), one.duration])))
  .observe({type: 'longtask', buffered: true});"""
PARAGRAPH = "\n\n" + LONG_PARAGRAPH * 5


def test_the_launcher_costs_the_page_at_most_fifty_milliseconds_of_script(staged: Stage, page: Any) -> None:
    source = f'<script src="{staged.url}/widget.js"></script>'
    page.goto(staged.host("speed", source))
    chat(page, ".launch").wait_for()
    took = []
    for _ in range(5):
        client = page.context.new_cdp_session(page)
        client.send("Performance.enable")
        page.reload()
        chat(page, ".launch").wait_for()
        metrics = {one["name"]: one["value"] for one in client.send("Performance.getMetrics")["metrics"]}
        took.append(metrics["ScriptDuration"] * 1_000)
    print(f"\nscript time of page load with launcher, ms: {sorted(took)}")
    assert sorted(took)[2] <= 50


@pytest.mark.parametrize("verdict", ["supported", "unsupported"])
def test_a_long_answer_streams_without_long_tasks(staged: Stage, page: Any, verdict: Any) -> None:
    start = PARAGRAPH * 52
    rest = PARAGRAPH * 4
    words = [Text(word) for word in rest.replace(" ", " \0").split("\0")]
    assert len((start + rest).split()) >= 5_000
    first = LONG_PARAGRAPH.rstrip()
    staged.scripts["Five thousand words"] = [
        *OPENING,
        *slowed([Text(PARAGRAPH)] * 52, 0.03),
        *slowed(words, 0.01),
        SentenceChecked(2, 2 + len(first), verdict, 0.1),
        Done(),
    ]
    assert start.startswith("\n\n" + first)
    page.goto(staged.url)
    page.evaluate(WATCH)
    frames = "() => { window.frames_seen = 0; const tick = () => { frames_seen += 1; requestAnimationFrame(tick); }; tick(); window.began = performance.now(); }"
    write(page, "Five thousand words")
    chat(page, ".body p").first.wait_for()
    page.evaluate(frames)
    chat(page, ".tools").wait_for(timeout=60_000)
    ended = page.evaluate("performance.now()")
    rate = page.evaluate("frames_seen / (performance.now() - began) * 1000")
    longest = page.evaluate("longest")
    print(
        f"\n{verdict}: {rate:.0f} frames a second, end at {ended:.0f}, long tasks (at, for) in ms: {longest}"
    )
    assert not [took for _, took in longest if took > 50]
