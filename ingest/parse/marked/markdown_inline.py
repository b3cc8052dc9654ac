"""The inside of Markdown blocks: links to their text, images to their description, tags away; code untouched."""

import html
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from ingest.parse.html.markup import lowered, raised
from ingest.parse.writer import ExtractWriter


@dataclass(frozen=True, slots=True)
class Marks:
    """Which marks there are: `opening` finds where one may open; `closing` holds each, tried in order, by what closes it.

    A mark opens before something that is no white space, and closes on the same line.
    """

    opening: re.Pattern[str]
    closing: Mapping[str, re.Pattern[str]]

    def removed(self, text: str) -> str:
        """Return the text without the pairs of marks; what stands between them stays as it is."""
        return "\n".join(map(self._removed, text.split("\n")))

    def _removed(self, line: str) -> str:
        kept: list[str] = []
        done = at = 0
        closers: dict[str, int] = {}
        while opens := self.opening.search(line, at):
            at = opens.start() + 1
            for mark, closing in self.closing.items():
                inner = opens.start() + len(mark)
                if not line.startswith(mark, opens.start()) or not line[inner : inner + 1].strip():
                    continue
                # The nearest closer serves every mark before it, so that none is looked for twice.
                if closers.get(mark, 0) <= inner:
                    found = closing.search(line, inner + 1)
                    closers[mark] = found.start() if found else len(line)
                end = closers[mark]
                if end < len(line):
                    kept += [line[done : opens.start()], line[inner:end]]
                    done = at = end + len(mark)
                    break
        return "".join((*kept, line[done:]))


_MARK = re.compile(r"^ *+(?P<fence>`{3,}+|~{3,}+)|`++", re.M)


def with_code(source: str, shown: Callable[[str], str]) -> str:
    """Return the source with each piece of code, its marks included, as `shown` gives it."""
    marks = list(_MARK.finditer(source))
    parts: list[str] = []
    done = 0
    for mark, closer in zip(marks, _closers(marks), strict=True):
        if closer and mark.start() >= done:
            parts += [source[done : mark.start()], shown(source[mark.start() : closer.end()])]
            done = closer.end()
    return "".join((*parts, source[done:]))


def _closers(marks: Sequence[re.Match[str]]) -> list[re.Match[str] | None]:
    """Return for each mark what closes it: the next fence as long, else the next back-quotes of its number."""
    closers: list[re.Match[str] | None] = []
    quotes: dict[str, re.Match[str]] = {}
    fences: dict[str, list[re.Match[str]]] = {"`": [], "~": []}
    for mark in reversed(marks):
        closer = None
        if fence := mark["fence"]:
            after = fences[fence[0]]
            while after and len(after[-1]["fence"]) < len(fence):
                after.pop()
            closer = after[-1] if after else None
            after.append(mark)
        run = mark[0].lstrip(" ")
        closers.append(closer or (quotes.get(run) if run[0] == "`" else None))
        quotes[run] = mark
    return closers[::-1]


_MAX_SHOWN_LINK = 80
_CODE_MARK = "\ue0ff"  # private use: stands for a piece of code while the prose around it is cleaned
_ASIDE = re.compile(f"{_CODE_MARK}(\\d+){_CODE_MARK}")
_BRACKETED = r"\[(?P<text>(?:[^\[\]\\]|\\.|\[[^\[\]]*+\])*+)\]"
_LINK = re.compile(
    _BRACKETED + r"\(\s*+(?P<target><[^>\n]{0,2000}+>|(?:[^()\s]|\([^()\s]*+\))*+)"
    r"(?:\s++(?:\"[^\"]{0,1000}+\"|'[^']{0,1000}+'|\([^)]{0,1000}+\)))?\s*+\)(?:\{[^}\n]{0,500}+\})?"
)
_IMAGE = re.compile("!" + _LINK.pattern)
_REFERENCE = re.compile(r"(?P<image>!?)" + _BRACKETED + r"\[(?P<label>[^\[\]]*+)\]")
_WIKI = re.compile(
    r"(?P<shows>!?)\[\[(?P<target>[^\s\[\]|][^\[\]|\n]{0,300}+)(?:\\?\|(?P<text>[^\[\]\n]{0,300}+))?\]\](?!\()"
)
_SHORT_REFERENCE = re.compile(r"(?<![\]!\\])\[(?P<label>[^\[\]\n^]{1,200}+)\](?![\[(:])")
_NOTE = re.compile(r"\[\^(?P<label>[^\s\[\]]{1,100}+)\](?!:)")
_INLINE_NOTE = re.compile(r"\^\[(?P<text>[^\[\]\n]{1,2000}+)\]")
_SPAN = re.compile(r"\[(?P<text>[^\[\]\n]{1,1000}+)\](?=\{[.#:])")
_FORMULA = re.compile(
    r"\$\$[^$]{1,2000}+\$\$|(?<![\\$\w])\$(?=[^\s$])[^$\n]{0,500}(?<=[^\s\\])\$(?![\d$])|\\\([^\n]{1,500}?\\\)"
)
_RAISED_TAG = re.compile(r"<(?P<tag>sup|sub)\b[^<>]{0,200}>(?P<text>[^\n]{0,100}?)</(?P=tag)\s*+>", re.I)
_RAISED = re.compile(r"(?<=[\w)\]])(?P<mark>\^|~)(?P<text>[^\s^~]{1,30}+)(?P=mark)(?![~^])")
_STRUCK_TAG = re.compile(r"</?(?:del|s|strike)(?:\s[^<>]*+)?>", re.I)
_ABBREVIATION = re.compile(
    r"<abbr\s[^<>]*?title=[\"'](?P<title>[^\"'<>]*+)[\"'][^<>]*+>(?P<text>[^<\n]{0,200}+)</abbr>", re.I
)
_BLOCK_TAG = re.compile(
    r"</?(?:p|div|li|[uod]l|d[dt]|t[rdh]|table|h[1-6]|section|summary|figcaption|blockquote)\b", re.I
)
_ALT = re.compile(r"\balt\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)')", re.I)
_TITLED = re.compile(r"\b(?:title|caption|alt|summary|label|header)\s*+=\s*+\"([^\"\n]*+)\"")
_EMOJI = re.compile(r"(?<![\w:]):([a-z_]{1,30}+):(?![\w:])")
_EMOJIS = {
    "white_check_mark": "✅", "heavy_check_mark": "✔", "ballot_box_with_check": "☑", "check": "✔", "x": "❌",
    "heavy_multiplication_x": "✖", "negative_squared_cross_mark": "❎", "warning": "⚠", "no_entry": "⛔",
    "no_entry_sign": "🚫", "bulb": "💡", "information_source": "ℹ", "rocket": "🚀", "tada": "🎉", "star": "⭐",
    "heavy_plus_sign": "➕", "heavy_minus_sign": "➖", "question": "❓", "exclamation": "❗", "fire": "🔥", "lock": "🔒",
    "key": "🔑", "memo": "📝", "calendar": "📅", "phone": "☎", "email": "✉", "arrow_right": "➡", "one": "1️⃣",
}  # fmt: skip
_TEMPLATES = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"), ("{*", "*}"))
_ATTRIBUTE = r"(?:[.#][A-Za-z][\w:-]*+|[\w:-]++=(?:\"[^\"\n]*+\"|'[^'\n]*+'|[\w%.#/:-]++))"
_ATTRIBUTES = re.compile(
    rf"\{{:[^{{}}\n]*+\}}|(?:(?<=[\])>{_CODE_MARK}])\{{[ \t]*+{_ATTRIBUTE}|[ \t]?\{{[ \t]*+[.#][A-Za-z][\w:-]*+)"
    rf"(?:[ \t]++{_ATTRIBUTE})*+[ \t]*+\}}"
)
_BREAK = re.compile(r"<br\s*+/?>", re.I)
_TAG = re.compile(
    r"</?(?:a|abbr|aside|b|big|blockquote|caption|center|cite|code|dd|del|details|dfn|div|dl|dt|em|figcaption|"
    r"figure|font|h[1-6]|hr|i|iframe|img|ins|kbd|li|mark|ol|p|picture|pre|q|s|samp|section|small|source|span|"
    r"strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|video|wbr)(?:\s[^<>]*)?/?>",
    re.I,
)
_ANCHOR = re.compile(r"(?<!\s)\s*+\{\s*+[#.:][^{}\n]*+\}\s*+\Z")
_MARKS = Marks(
    re.compile(r"[*_`]"),
    {mark: re.compile(rf"(?<=\S){re.escape(mark)}") for mark in ("**", "__", "*", "`")},
)
_SHOWN = re.compile(r"\[([^\[\]]*+)\]\(https?://[^)\s]{0,200}+\)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


class MarkdownInline:
    """Cleans the text of blocks; knows the reference links that the document defines."""

    def __init__(self, writer: ExtractWriter, notes: Mapping[str, str] | None = None) -> None:
        self._references: dict[str, dict[str, str]] = {}
        self._writer = writer
        self.notes = {label.lower(): (label, text) for label, text in (notes or {}).items()}
        """What notes say, by their labels in lower case."""
        self.cited: dict[str, None] = {}
        """The labels of notes that the blocks so far refer to, in order."""
        self.written: set[str] = set()

    def know(self, environment: Mapping[str, object]) -> None:
        """Take the reference links that the parser has found."""
        references = environment.get("references")
        self._references = references if isinstance(references, dict) else {}

    def text(self, source: str) -> str:
        """Return the block's source without markup that is not content; code stays as it is."""
        if not any(mark in source for mark in "[<{&^~") and not _EMOJI.search(source):
            return source
        code: list[str] = []

        def put_aside(piece: str) -> str:
            code.append(piece)
            return f"{_CODE_MARK}{len(code) - 1}{_CODE_MARK}"

        prose = with_code(source.replace(_CODE_MARK, ""), put_aside)
        prose = self._prose(
            _FORMULA.sub(lambda match: put_aside(match[0]), prose)
            if "$" in prose or "\\(" in prose
            else prose
        )
        return _ASIDE.sub(lambda match: code[int(match[1])], prose)

    def title(self, source: str) -> str:
        """Return a heading as plain words."""
        title = self.text(_ANCHOR.sub("", source))
        title = _SHOWN.sub(r"\1", title)
        for _ in range(3):
            title = _MARKS.removed(title)
        return _ESCAPE.sub(r"\1", title)

    def _prose(self, source: str) -> str:
        source = _EMOJI.sub(lambda match: _EMOJIS.get(match[1], match[0]), source)
        for begins, ends in _TEMPLATES:
            source = _without(source, begins, ends)
        if "[" in source:
            source = self._brackets(source)
        source = _RAISED.sub(_shifted, _ATTRIBUTES.sub("", source))
        if "<" in source:
            source = _STRUCK_TAG.sub("~~", _RAISED_TAG.sub(_shifted, source))
            source = _ABBREVIATION.sub(r"\g<text> (\g<title>)", source)
            source = _TAG.sub(_tag, _BREAK.sub(" ", source))
        return html.unescape(source) if "&" in source else source

    def _brackets(self, source: str) -> str:
        source = _NOTE.sub(self._note, _INLINE_NOTE.sub(r" (\g<text>)", source))
        source = _WIKI.sub(_wiki, source)
        source = _SPAN.sub(lambda match: match["text"], source)
        source = _IMAGE.sub(lambda match: match["text"].strip(), source)  # first: it may stand inside a link
        source = _REFERENCE.sub(self._reference, _LINK.sub(self._link, source))
        return _SHORT_REFERENCE.sub(self._short_reference, source) if self._references else source

    def _note(self, match: re.Match[str]) -> str:
        key = match["label"].lower()
        if key not in self.notes:
            return match[0]
        self.cited[key] = None
        return raised(match.string[: match.start()][-1:], self.notes[key][0], note=True)

    def _short_reference(self, match: re.Match[str]) -> str:
        label = " ".join(match["label"].split()).upper()
        if label not in self._references:
            return match[0]
        return self._shown(match["label"], self._references[label].get("href", ""))

    def _link(self, match: re.Match[str]) -> str:
        target = match["target"].strip("<>")
        text = match["text"].strip()
        return self._shown(text, target)

    def _reference(self, match: re.Match[str]) -> str:
        label = " ".join((match["label"] or match["text"]).split()).upper()
        if label not in self._references:
            return match[0]
        if match["image"]:
            return match["text"]
        return self._shown(match["text"], self._references[label].get("href", ""))

    def _shown(self, text: str, target: str) -> str:
        """Keep an address that a reader could follow and read; a path inside the source tells nothing."""
        self._writer.link(target)
        if target.startswith(("http://", "https://")) and len(target) <= _MAX_SHOWN_LINK:
            same = target.split("://", 1)[1].rstrip("/") == text.removeprefix("https://").rstrip("/")
            return target if same or not text else f"[{text}]({target})"
        return text


def _without(text: str, begins: str, ends: str) -> str:
    """Leave out what stands between two marks, with them, but for the titles in it."""
    kept, done = [], 0
    while (start := text.find(begins, done)) >= 0 and (end := text.find(ends, start + len(begins))) >= 0:
        kept += [text[done:start], ": ".join(_TITLED.findall(text, start, end))]
        done = end + len(ends)
    return "".join((*kept, text[done:]))


def _shifted(match: re.Match[str]) -> str:
    before = match.string[max(match.start() - 40, 0) : match.start()]
    text = _TAG.sub("", match["text"])
    if (match.groupdict().get("tag") or match["mark"]).lower() in ("sub", "~"):
        return lowered(before, text)
    return raised(before, text, note='href="#' in match["text"] or "[^" in match["text"])


def _wiki(match: re.Match[str]) -> str:
    target = match["target"].strip().replace("#", " > " if not match["target"].startswith("#") else "")
    text = (match["text"] or "").strip()
    return target if not text or (match["shows"] and text[0].isdigit()) else text


def _tag(match: re.Match[str]) -> str:
    if match[0][:4].lower() == "<img" and (alt := _ALT.search(match[0])):
        return alt[1] or alt[2] or ""
    return " " if _BLOCK_TAG.match(match[0]) else ""


_COMMENT = re.compile(r"(?P<html><!--)|\{/\*")


def without_comments(text: str, writer: ExtractWriter, whole: Callable[[str], str]) -> str:
    """Leave comments out, and say so with what `whole` gives for each."""
    kept: list[str] = []
    done = 0
    missing: set[str] = set()
    for opening in _COMMENT.finditer(text):
        closing = "-->" if opening["html"] else "*/}"
        if opening.start() < done or closing in missing:
            continue
        end = text.find(closing, opening.end())
        if end < 0:
            missing.add(closing)
            if (
                not opening["html"]
                or text[text.rfind("\n", 0, opening.start()) + 1 : opening.start()].strip()
            ):
                continue
            writer.finding("A comment is never closed; all that follows it was left out.")
        end = len(text) if end < 0 else end + len(closing)
        writer.leave_out("comment", whole(text[opening.start() : end]))
        kept.append(text[done : opening.start()])
        done = end
    return "".join((*kept, text[done:]))
