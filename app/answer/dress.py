"""What a model dresses a whole answer in: a word before it, a code fence round it, JSON, a list of sources below it."""

import json
import re

from vectorstore.language.marks import LISTED, MARKER, cited

SENTINEL = "NOT_IN_DOCUMENTS"
"""What a model is asked to reply where the passages do not hold the answer."""

_SIGNS = r"[*_#>\s]{0,8}"
_LEAD = re.compile(
    rf"{_SIGNS}(?:(?:the |my )?(?:final |short )?answer|antwort|réponse|respuesta|risposta|resposta|antwoord|odpowiedź|ответ|assistant|"
    r"回答|答案|答え)[*_]{0,3}(?:\s{0,2}[:：][*_]{0,3}\s{0,8}|\n\s{0,8})",
    re.IGNORECASE,
)
_LEAD_BEGUN = re.compile(
    rf"{_SIGNS}(?:[^\W\d_]{{1,12}} ){{0,2}}[^\W\d_]{{0,12}}[*_]{{0,3}}\s{{0,2}}[:：]?[*_]{{0,3}}\s{{0,8}}"
)
_FENCE = re.compile(r"[ \t]{0,8}(?:`{3}|~{3})[ \t]{0,8}(?P<info>[^`\n]{0,40})\n?\Z")
_FENCE_BEGUN = re.compile(r"\A[ \t]{0,8}+(?:`{0,3}+|~{0,3}+)[^`\n]{0,40}+\Z")
_PLAIN = frozenset({"markdown", "md", "text", "txt", "plaintext", "plain"})
_JSON = re.compile(r"\{\s{0,40}[\"}]|\[\s{0,40}[{\"]")
_JSON_BEGUN = re.compile(r"[\[{]\s{0,40}\Z")
_ANSWERS = ("answer", "final_answer", "response", "result", "text", "content", "statement", "sentence", "output", "reply", "message", "answers", "statements", "sentences")  # fmt: skip
_SOURCES = ("sources", "citations", "passages", "references", "source", "citation", "passage")
_NUMBERS = ("number", "id", "passage", "source", "index")
_ANSWER_CUT = re.compile(r'"(?:answer|final_answer|response|text|content)"\s{0,8}:\s{0,8}"((?:[^"\\]|\\.)*+)')
_MOST_HELD = 65_536
"""Characters after which what looks like JSON or code is passed on as it is."""


class Undressed:
    """A streaming filter that takes a whole answer out of what it is dressed in; all else passes as it is."""

    def __init__(self) -> None:
        self._held = ""
        self._parts: list[str] = []
        self._size = 0
        self._state = "begin"
        """`json` and `code` are held until their end is known; of `fenced` only the fence's end is left out."""
        self._nested = self._midline = False

    def feed(self, delta: str) -> str:
        """Take more text; return what is certain of it."""
        if self._state == "begin":
            self._held += delta
            return self._begin(final=False)
        if self._state in {"json", "code"}:
            self._parts.append(delta)
            self._size += len(delta)
            if self._size <= _MOST_HELD:
                return ""
            self._state = "plain"
            return self._held + "".join(self._parts)
        return self._fenced(delta, final=False) if self._state == "fenced" else delta

    def finish(self) -> str:
        """Return what was still held back."""
        said = self._begin(final=True) if self._state == "begin" else ""
        match self._state:
            case "json":
                return said + in_json("".join(self._parts), self._held)
            case "code":
                return said + _uncoded(self._held, "".join(self._parts))
            case "fenced":
                return said + self._fenced("", final=True)
        return said

    def _begin(self, *, final: bool) -> str:
        text = self._held.lstrip()
        while lead := _LEAD.match(text):
            if lead.end() == len(text) and not final:
                return ""
            text = text[lead.end() :]
        if not final and len(text) < 48 and (not text or _LEAD_BEGUN.fullmatch(text)):
            return ""
        if text.startswith(("```", "~~~")):
            return self._fence_begun(text, final=final)
        if not final and (_JSON_BEGUN.match(text) or text in {"`", "``", "~", "~~"}):
            return ""
        self._state, self._held = "plain", ""
        return self._hold("json", "", text) if _JSON.match(text) else text

    def _fence_begun(self, text: str, *, final: bool) -> str:
        first, broken, rest = text.partition("\n")
        fence = _FENCE.match(first)
        if fence and not broken and not final:
            return ""
        self._state, self._held = "plain", ""
        if fence is None or not broken:
            return text
        info = fence["info"].strip().lower()
        if info in _PLAIN:
            self._state = "fenced"
            return self._fenced(rest, final=False)
        return self._hold(info or "code", f"{first}\n", rest) if info in {"json", ""} else text

    def _hold(self, state: str, before: str, text: str) -> str:
        self._state, self._held = state, before
        self._parts, self._size = [text], len(text)
        return ""

    def _fenced(self, delta: str, *, final: bool) -> str:
        """Pass on what stands in the answer's own fence."""
        *lines, last = (self._held + delta).split("\n")
        said = "".join(self._line(f"{line}\n") for line in lines)
        if final or (last and not _FENCE_BEGUN.match(last)) or self._midline:
            said, self._held = said + self._line(last), ""
            self._midline = bool(last)
        else:
            self._held = last
        return said

    def _line(self, line: str) -> str:
        fence, begun = _FENCE.match(line), self._midline
        self._midline = False
        if begun or fence is None or self._state != "fenced":
            return line
        if fence["info"].strip() or self._nested:
            self._nested = not self._nested
            return line
        self._state = "plain"
        return ""


def _uncoded(fence: str, text: str) -> str:
    """Return what a fence without a language holds where it holds all; else the code with what follows."""
    inside, closed, after = text.partition(f"\n{fence.strip()[:3]}")
    if after.strip():
        return fence + text
    return in_json(inside) if _JSON.match(inside.lstrip()) else inside if closed else text


def in_json(text: str, fence: str = "") -> str:
    """Return the answer that a JSON value holds, with markers for the numbers of its sources; else the text as it is."""
    bare = text.strip().removesuffix("```").removesuffix("~~~").strip()
    try:
        value, end = json.JSONDecoder(strict=False).raw_decode(bare)
    except (ValueError, RecursionError):
        cut = _ANSWER_CUT.search(text)
        return _unescaped(cut[1]) if cut else fence + text
    found = _answer(value)
    if found is None or bare[end:].strip("` \n"):
        return fence + text
    return found


def _unescaped(text: str) -> str:
    try:
        return str(json.loads(f'"{text.rstrip(chr(92))}"', strict=False))
    except ValueError:
        return text


def _answer(value: object, depth: int = 0) -> str | None:
    if depth > 4:
        return None
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        parts = [_answer(each, depth + 1) for each in value]
        return " ".join(part for part in parts if part) or None if all(parts) else None
    if not isinstance(value, dict):
        return None
    fields = {str(name).lower().replace(" ", "_"): each for name, each in value.items()}
    name = next((name for name in _ANSWERS if name in fields), None)
    if name is None:
        return None
    if fields[name] in (None, "", []):
        return SENTINEL
    said = _answer(fields[name], depth + 1)
    if said is None or cited(said):
        return said
    numbers = [number for name in _SOURCES if name in fields for number in _numbers(fields[name])]
    markers = "".join(f"[{number}]" for number in dict.fromkeys(numbers))
    if not markers:
        return said
    end = len(said.rstrip(" .!?。！？"))
    return f"{said[:end]} {markers}{said[end:]}"


def _numbers(value: object) -> list[int]:
    if isinstance(value, bool):
        return []
    if isinstance(value, int):
        return [value]
    if isinstance(value, str):
        plain = value.strip("[]() ")
        return [int(plain)] if plain.isascii() and plain.isdigit() and len(plain) < 4 else cited(value)
    if isinstance(value, list):
        return [number for each in value[:50] for number in _numbers(each)]
    if isinstance(value, dict):
        return next((_numbers(value[name]) for name in _NUMBERS if name in value), [])
    return []


_HEADING = re.compile(
    r"[\s#*_>-]{0,12}(?:sources?(?: (?:used|cited|consulted))?|(?:list of )?references?|citations?|bibliography|cited passages|quellen?(?:angaben|verzeichnis)?|"
    r"referenzen|belege|références?|sources? utilisées|fuentes?|referencias?|fonti|fonte|bronnen|źródła|źródło|источники|источник|参考(?:文献|资料|資料)?|来源|來源|出典)"
    r"[*_]{0,3}\s{0,3}(?P<colon>[:：]?)[*_]{0,3}\s*+(?P<rest>.*)",
    re.IGNORECASE,
)
_FILE = re.compile(r"[*_`\"“]{0,3}[^\s/]{1,80}\.[a-z]{2,5}[*_`\"”]{0,3}(?:\Z|[\s,;])", re.IGNORECASE)
_RULE = re.compile(r"\s{0,8}[-*_]{3,80}\s*\Z")
_LONGEST_HEADING = 30
_LONGEST_ENTRY = 400
_LONGEST_LIST = 8_192


class WithoutSources:
    """A streaming filter that leaves out a list of sources at an answer's end: citations name them already."""

    def __init__(self) -> None:
        self._line = ""
        self._list: list[str] | None = None
        self._size = 0
        self._passing = self._said = False

    def feed(self, delta: str) -> str:
        """Take more text; return what is certain not to be such a list."""
        *lines, last = delta.split("\n")
        out = list[str]()
        for line in lines:
            out.append(self._whole(self._line + line + "\n"))
            self._line, self._passing = "", False
        self._line += last
        if self._passing or not self._may_be_one(self._line):
            out.append(self._released() + self._line)
            self._said = self._said or bool(self._line.strip())
            self._passing, self._line = bool(self._line) or self._passing, ""
        return "".join(out)

    def finish(self) -> str:
        """Return what was still held back and is no such list."""
        said = self._whole(self._line)
        self._line = ""
        return said

    def _may_be_one(self, line: str) -> bool:
        if self._list is not None:
            return len(line) <= _LONGEST_ENTRY and self._size <= _LONGEST_LIST
        return len(line) <= (_LONGEST_ENTRY if _begins(line) else _LONGEST_HEADING)

    def _whole(self, line: str) -> str:
        if self._passing:
            return line
        if self._list is None and not (self._said and (_begins(line) or _RULE.match(line))):
            self._said = self._said or bool(line.strip())
            return line
        if self._list is not None and not (_entry(line) or _begins(line)):
            return self._released() + self._whole(line)
        self._list = [*(self._list or ()), line] if self._size < _LONGEST_LIST else None
        self._size += len(line)
        return line if self._list is None else ""

    def _released(self) -> str:
        held, self._list, self._size = "".join(self._list or ()), None, 0
        return held


def _begins(line: str) -> bool:
    """Say whether a line begins a list of sources: a heading alone, with markers or a file behind it, or a definition."""
    bare = line.strip()
    marker = MARKER.match(bare)
    if marker:
        return bare[marker.end() : marker.end() + 1] == ":"
    heading = _HEADING.fullmatch(bare)
    if heading is None:
        return False
    rest = heading["rest"]
    return not rest or bool(heading["colon"] and (MARKER.match(rest) or _FILE.match(rest)))


def _entry(line: str) -> bool:
    """Say whether a line is an entry of such a list, or blank."""
    bare = line.strip()
    if not bare or MARKER.match(bare) or _FILE.match(bare):
        return True
    listed = LISTED.match(bare)
    if listed is None:
        return False
    rest = bare[listed.end() :]
    # What cites at its end is a statement, and no name of a document.
    return bool(MARKER.match(rest)) or not cited(rest) or len(rest.split()) < 6
