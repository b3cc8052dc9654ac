"""The guard: what it lets out is inert, the same however it is cut, and still what a person can read and copy."""

import random
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.guard import LinkGuard, inert
from tests.guard.texts import ALLOWED, pieces, text

SEEDS = st.integers(min_value=0, max_value=2**40)
WORDS = (
    "leave",
    "25",
    "of",
    "the",
    "[1]",
    "a.",
    "(b)",
    "**c**",
    "-",
    "\n",
    "\n\n",
    "e.g.",
    "«d»",
    "é",
    "例",
    "😀",
)


def guarded(*deltas: str) -> str:
    guard = LinkGuard([ALLOWED])
    return "".join(guard.feed(delta) for delta in deltas) + guard.finish()


@given(SEEDS)
def test_any_split_gives_the_same_text(seed: int) -> None:
    draw = random.Random(seed)
    whole = text(draw)
    assert guarded(*pieces(whole, draw)) == guarded(whole) == guarded(*whole)


@given(SEEDS)
def test_what_is_inert_stays_as_it_is(seed: int) -> None:
    once = guarded(text(random.Random(seed)))
    assert guarded(once) == once


@given(SEEDS)
def test_markers_are_neither_made_nor_removed(seed: int) -> None:
    whole = inert(text(random.Random(seed)).replace("\\", ""))
    draw = random.Random(seed)
    marked = "".join(f"{word} " + draw.choice(("[1]", "[23] ", "")) for word in whole.split(" "))
    assert re.findall(r"\[\d{1,3}\]", guarded(marked)) == re.findall(r"\[\d{1,3}\]", marked)


@given(st.lists(st.sampled_from(WORDS), max_size=30))
def test_prose_passes_unchanged(words: list[str]) -> None:
    prose = " ".join(words)
    assert guarded(prose) == prose


@pytest.mark.parametrize(
    "harmless",
    [
        "Staff get 25 days [1]. Interns get 12 [2][3].",
        "Use `List<String>` and a < b && b > c, or `int | None`.",
        "```python\nx: List[int] = [1](2)\nprint('<b>', 'http://a.test')\n```\ndone",
        "Run ``code`` in the `~/bin` folder, `snake_case` and `a*b` alike.",
        f"See [the policy]({ALLOWED}).",
        f"See {ALLOWED}, please.",
        "Wow! It works! See “this” (or that) — e.g. U.S. law, v1.2.3, 5 & 6, AT&T, a/b, // @team, p.m.",
        "| a | b |\n|---|---|\n| 1 | `c` |",
        "1. One\n2. Two\n\n> quoted\n\n- [ ] task: x",
    ],
)
def test_harmless_text_passes_unchanged(harmless: str) -> None:
    assert guarded(harmless) == harmless
    assert guarded(*harmless) == harmless


@pytest.mark.parametrize(
    ("written", "address"),
    [
        ("See https://intra.example/wiki/Leave_(2026)?a=1&b=2.", "https://intra.example/wiki/Leave_(2026)?a=1&b=2"),
        ("Write to first.last+hr@acme.example, please", "first.last+hr@acme.example"),
        ("(**www.acme.com**)", "www.acme.com"),
        ("Read README.md first", "README.md"),
        ("“acme.com/a_b”", "acme.com/a_b"),
        ("请访问acme.com/hr的网站", "acme.com/hr"),
        ("as https://a.example/x[1] says", "https://a.example/x"),
        ("ftp://files.example:21/a, HTTPS://B.EXAMPLE", "ftp://files.example:21/a"),
    ],
)  # fmt: skip
def test_an_address_becomes_a_code_span_that_copies_exactly(written: str, address: str) -> None:
    assert f"`{address}`" in guarded(written)
    assert guarded(written).replace("`", "") == written


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("- a\n  ```sh\n  curl x\n  ```\n- b", "- a\n```sh\ncurl x\n```\n- b"),
        ("```\nx\n```~~\n![a](b)", "```\nx\n    ```~~\n![a](b)\n```"),
        ("```\nx", "```\nx\n```"),
        ("- ```\n![x](y)", "- \\`\\`\\`\n! [x] (y)"),
        ("[a]: b\n\nsee [1]: c", "[a] : b\n\nsee [1]: c"),
        ("\\`![a](b)\\`", "\\`! [a] (b)\\`"),
        ("&#104;i &lt; &amp;", "&amp;#104;i &lt; &amp;"),
        ("`a|b` | c\n---|---", "`a|b` | c\n\\---|---"),
        ("\x1b[31mred\x1b[0m \x9b1mx\x1b]8;;http://e.test\x07y\u202e\u200bz\r\n", "red xyz\n"),
    ],
)
def test_constructs_are_shown_so_that_no_renderer_is_in_doubt(written: str, shown: str) -> None:
    assert guarded(written) == shown


@pytest.mark.parametrize("trick", ["(", ")", "'", '"', "*", "~", "\n", "\x00", "\u202e", "<", ";", "@", " "])
def test_an_allowed_address_that_could_hide_another_is_not_allowed(trick: str) -> None:
    uri = f"https://docs.example.com/a{trick}b"
    assert f"]({uri})" not in inert(f"[x]({uri})", [uri])


@pytest.mark.parametrize("after", ["`x`", "x", "[1]", "**", ")x", "|", "<"])
def test_an_allowed_address_is_linked_only_where_it_certainly_ends(after: str) -> None:
    assert f"`{ALLOWED}" in guarded(f"see {ALLOWED}{after} now")


def test_a_word_is_held_back_only_until_it_ends() -> None:
    guard = LinkGuard()
    assert guard.feed("Staff get ") == "Staff get "
    assert guard.feed("25") == ""
    assert guard.feed(" days of lea") == "25 days of "
    assert guard.feed("ve." + "x" * 5_000).startswith("leave.x")
    assert len(guard.finish()) < 1_100


HOSTILE = (
    "[", "](", "!", "![", "<", "`", "`a", "``", "~", "&", "&#", "\\", "@", "a@", "//", "www.", "..com", "a.com", "http://(", "http:",
    "\n", "\n```", "```\n", " ", "\t", "例", "[1]", "[1](", "x|", "]:", "\n[a", "mailto:", "http://a ", "_@", "\x1b", "\x1b]", "\x9b", "\u200d",
)  # fmt: skip


@pytest.mark.parametrize("bit", HOSTILE)
def test_time_grows_with_the_length_alone(bit: str) -> None:
    took = []
    for length in (20_000, 160_000):
        started = time.process_time()
        inert(bit * (length // len(bit)))
        took.append(time.process_time() - started)
    assert took[1] < 30 * took[0] + 0.05
