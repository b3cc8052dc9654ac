"""The inside of Markdown blocks: links to their text, images to their description, tags away; code untouched."""

import html
import re

from ingest.parse.emphasis import Marks
from ingest.parse.markdown_code import with_code
from ingest.parse.writer import ExtractWriter

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
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.S)
_TEMPLATES = (("{{<", ">}}"), ("{{%", "%}}"), ("{%", "%}"), ("{*", "*}"))
_ATTRIBUTES = re.compile(r"\{:[^{}\n]*+\}")
_BREAK = re.compile(r"<br\s*+/?>", re.I)
_TAG = re.compile(
    r"</?(?:a|abbr|aside|b|big|blockquote|caption|center|cite|code|dd|del|details|dfn|div|dl|dt|em|figcaption|"
    r"figure|font|h[1-6]|hr|i|iframe|img|ins|kbd|li|mark|ol|p|picture|pre|q|s|samp|section|small|source|span|"
    r"strong|sub|summary|sup|table|tbody|td|tfoot|th|thead|tr|tt|u|ul|var|video|wbr)(?:\s[^<>]*)?/?>",
    re.I,
)
_ANCHOR = re.compile(r"(?<!\s)\s*+\{\s*+[#.:][^{}\n]*+\}\s*+\Z")
_MARKS = Marks(
    re.compile(r"[*_~`]"),
    {mark: re.compile(rf"(?<=\S){re.escape(mark)}") for mark in ("**", "__", "~~", "*", "`")},
)
_SHOWN = re.compile(r"\[([^\[\]]*+)\]\(https?://[^)\s]{0,200}+\)")
_ESCAPE = re.compile(r"\\([!-/:-@\[-`{-~])")


class MarkdownInline:
    """Cleans the text of blocks; knows the reference links that the document defines."""

    def __init__(self, environment: dict[str, object], writer: ExtractWriter) -> None:
        references = environment.get("references")
        self._references: dict[str, dict[str, str]] = references if isinstance(references, dict) else {}
        self._writer = writer

    def text(self, source: str) -> str:
        """Return the block's source without markup that is not content; code stays as it is."""
        if not any(mark in source for mark in "[<{&"):
            return source
        code: list[str] = []

        def put_aside(piece: str) -> str:
            code.append(piece)
            return f"{_CODE_MARK}{len(code) - 1}{_CODE_MARK}"

        prose = self._prose(with_code(source.replace(_CODE_MARK, ""), put_aside))
        return _ASIDE.sub(lambda match: code[int(match[1])], prose)

    def title(self, source: str) -> str:
        """Return a heading as plain words."""
        title = self.text(_ANCHOR.sub("", source))
        title = _SHOWN.sub(r"\1", title)
        for _ in range(3):
            title = _MARKS.removed(title)
        return _ESCAPE.sub(r"\1", title)

    def _prose(self, source: str) -> str:
        source = _COMMENT.sub("", source)
        for begins, ends in _TEMPLATES:
            source = _without(source, begins, ends)
        source = _ATTRIBUTES.sub("", source)
        source = _IMAGE.sub(lambda match: match["text"].strip(), source)  # first: it may stand inside a link
        source = _REFERENCE.sub(self._reference, _LINK.sub(self._link, source))
        source = _TAG.sub("", _BREAK.sub(" ", source))
        return html.unescape(source) if "&" in source else source

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
    """Leave out what stands between two marks, with them."""
    kept, done = [], 0
    while (start := text.find(begins, done)) >= 0 and (end := text.find(ends, start + len(begins))) >= 0:
        kept.append(text[done:start])
        done = end + len(ends)
    return "".join((*kept, text[done:]))
