"""Guard and transcript together, in the Markdown renderers that clients use: nothing is live but allowed links.

`python -m pytest -m slow tests/guard` tries 100,000 texts; `npm install` in this folder brings the renderers.
"""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.events import Passage, Text
from app.language.phrases import say
from app.support.ground import Grounding, check
from app.turn.transcript import Doubts, Transcript
from tests.app.test_transcript import PASSAGES
from tests.guard import renderers
from tests.guard.texts import ALLOWED, pieces, text

_SUPPORTED = check("Staff get 25 days of leave.", PASSAGES)


_UNSUPPORTED = replace(_SUPPORTED, support=0.0, verdict="unsupported")
MARKED = Doubts("", "en", hold=False)


def spoken(deltas: Sequence[str], doubts: Doubts | None = None) -> str:
    transcript = Transcript(PASSAGES, check=_no if doubts else _yes, allowed_links=[ALLOWED], doubts=doubts)
    events = [event for delta in deltas for event in transcript.feed(delta)]
    events += list(transcript.finish())
    return "".join(event.delta for event in events if isinstance(event, Text))


def _yes(claim: str, passages: Sequence[Passage]) -> Grounding:
    return _SUPPORTED


def _no(claim: str, passages: Sequence[Passage]) -> Grounding:
    return _UNSUPPORTED


def found(seed: int, count: int, doubts: Doubts | None = None) -> list[tuple[str, str, list[str]]]:
    """Return of `count` texts those that are live: what was written, what left, and where it is live."""
    draw = random.Random(seed)
    written = [text(draw) for _ in range(count)]
    left = [spoken(pieces(whole, draw), doubts) for whole in written]
    live = renderers.live(left, allowed=[ALLOWED])
    return [each for each in zip(written, left, live, strict=True) if each[2]]


@pytest.mark.parametrize("doubts", [None, MARKED], ids=["as it is", "every sentence marked"])
def test_nothing_is_live_in_hundreds_of_texts(doubts: Doubts | None) -> None:
    assert found(seed=1, count=400, doubts=doubts) == []


@pytest.mark.slow
@pytest.mark.parametrize("part", range(10))
def test_nothing_is_live_in_a_hundred_thousand_texts(part: int) -> None:
    assert found(seed=100 + part, count=10_000) == []


NAMED = {
    "a fence inside a list item ends with the item": "- a\n  ```\n  b\n![x](http://evil.test/p.png)",
    "a fence behind a bullet": "- ```\n![x](http://evil.test/p.png)\n",
    "a fence inside a quote": "> ```\n> b\n\n![x](http://evil.test/p.png)",
    "an escaped backtick opens no code": "\\`![a](http://evil.test/p.png)\\`",
    "an escaped backslash before one": "\\\\`a\\\\` ![a](http://evil.test/p.png)`",
    "a code span longer than the look-ahead": "`" + "a" * 700 + "` ![x](http://evil.test/p.png) `",
    "a code span over a blank line": "`a\n\n![x](http://evil.test/p.png)`",
    "a marker within a scheme": "http:/[99]/evil.test/p and h[99]ttp://evil.test",
    "a marker within a tag": "<[99]img src=http://evil.test/p.png>",
    "a marker between a bang and a bracket": "![99][x](http://evil.test/p.png)",
    "a marker within a marker": "[[99]1](http://evil.test/p.png)",
    "an entity for a letter": "&#104;ttps://evil.test and https&colon;//evil.test and www&period;evil.test",
    "an escape within an address": "http\\://evil.test www\\.evil.test a\\@evil.test",
    "a zero-width character within a scheme": "ht\u200btp://evil.test !\u200b[x](http://evil.test)",
    "a fence whose closing line has a tab": "```\na\n```\t\n![x](http://evil.test/p.png)",
    "a tilde fence within a backtick fence": "```\n~~~\n```\n![x](http://evil.test/p.png)\n~~~",
    "a table cell cuts a code span": "`a|b` | c\n--|--\n`a|` <img src=http://evil.test> | ` http://evil.test `",
    "a definition over several lines": "[a\nb]:\nhttp://evil.test\n\n[a b] ![x][a b]",
    "a footnote": "[^1]\n\n[^1]: http://evil.test",
    "bare addresses": "evil.com README.md //evil.test a@evil.test mailto:a@evil.test xmpp:a@evil.test ftp://evil.test WWW.evil.test",
    "a mailbox of punctuation": "a='@evil.j&#112; {@evil.test",
    "a domain before the end of emphasis": "_see evil.jp_ evil.com",
    "hosts": "http://203.0.113.7 http://[2001:db8::7]/ http://localhost xn--vil-6na.com евил.рф",
    "emphasis around addresses": "**http://evil.test** _www.evil.test_ ~~a@evil.test~~ *evil.com*",
    "comments and processing instructions": "<!-- x --><img src=y> <?php <img src=y> ?> <![CDATA[<img src=y>]]>",
    "an allowed address goes on": f"[x]({ALLOWED}){ALLOWED}`secret` {ALLOWED}**secret",
}


@pytest.fixture(scope="module")
def rendered() -> dict[str, tuple[list[str], list[str]]]:
    """What is live of each construction without the guard and with it, all in one process."""
    bare = [whole.replace("[99]", "").replace("\u200b", "") for whole in NAMED.values()]
    guarded = [spoken([whole]) for whole in NAMED.values()]
    live = renderers.live([*bare, *guarded], allowed=[ALLOWED])
    return dict(zip(NAMED, zip(live[: len(bare)], live[len(bare) :], strict=True), strict=True))


@pytest.mark.parametrize("construction", NAMED)
def test_a_construction_that_beat_a_guard_is_inert(
    construction: str, rendered: dict[str, tuple[list[str], list[str]]]
) -> None:
    whole = NAMED[construction]
    assert spoken(list(whole)) == spoken([whole])
    unguarded, guarded = rendered[construction]
    assert unguarded != []
    assert guarded == []


def test_allowed_links_stay_live() -> None:
    whole = f"See [the policy]({ALLOWED}) or {ALLOWED}. More [1]."
    assert spoken(list(whole)) == whole
    assert renderers.live([whole], allowed=[ALLOWED]) == [[]]
    assert len(renderers.live([whole])[0]) == 10


INVENTED = [
    "The CEO gets 90 days.",
    "# The CEO gets 90 days",
    "The CEO gets 90 days\n===",
    "- The CEO gets 90 days\n- Pets fly",
    "1. The CEO gets 90 days.\n   Pets fly.",
    "> The CEO gets 90 days.",
    "**The CEO gets 90 days.** Pets fly.",
    "*The CEO gets 90 days. Pets fly.*",
    "The CEO gets `90 days. Pets` fly.",
    "| Who | Days |\n|---|---|\n| CEO | 90 days |",
    "| Who | Days |\n|---|---|\n| CEO | 90 days | and pets fly |",
    "```\nThe CEO gets 90 days.\n```",
    "    The CEO gets 90 days.",
    "The CEO gets 90 days (as of [1]).  \nPets fly\\\nfar.",
    "The CEO gets 90 days ![x](http://evil.test/p.png).",
    "[The CEO gets 90 days]\n(http://evil.test)",
]


def test_a_mark_is_seen_wherever_its_sentence_stands() -> None:
    # A heading, or words that are no sentence, with nothing below: the documents are quoted instead.
    left = [shown for said in INVENTED if (shown := spoken([said], MARKED))]
    assert len(left) >= len(INVENTED) - 3
    mark = say("unsupported")
    for said, seen in zip(left, renderers.shown(left), strict=True):
        for renderer, words in seen.items():
            assert " ".join(words.split()).count(mark) == said.count(mark) > 0, (renderer, said, words)
