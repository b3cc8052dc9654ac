"""What has times in it: subtitles and transcripts (VTT, SRT), invitations (iCalendar), and cards of addresses (vCard)."""

import re
from collections.abc import Iterator
from datetime import datetime
from html import unescape
from quopri import decodestring
from typing import Final, NamedTuple

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.writer import ExtractWriter

_CUE = re.compile(
    r"^\s*+(?:(\d{1,3}):(?=\d\d?:))?+(\d{1,2}):(\d{2})[.,]\d{1,3}[ \t]*+-->[ \t]*+(?:\d{1,3}:(?=\d\d?:))?+\d{1,2}:\d{2}"
)
_TIME = re.compile(r"\s{0,9}+(?:([0-9]{1,3}):(?=[0-9]{1,2}:))?+([0-9]{1,2}):([0-9]{2})[.,]([0-9]{1,3})")
_VOICE = re.compile(r"<v(?:\.[\w.-]{1,100}+)?[ \t]{1,20}+([^<>\n]{1,200}+)>")
_TAG = re.compile(r"</?+[a-z][^<>\n]*+>|<\d[\d:.]*+>|\{\\[^{}\n]*+\}", re.I)
_SPEAKER = re.compile(r"\A(?:>>\s*+|-\s++)?((?:[A-ZÀ-ÞА-Я][\w.'’-]*+)(?: [\w.'’-]{1,40}+){0,3}):\s++")
_APART: Final = 4.0
"""Seconds of silence that end a paragraph."""
_LONG: Final = 600
"""Characters after which a paragraph ends with the next sentence."""
_BLANK_LINES = re.compile(r"\n(?:[ \t]*+\n)++")
_EMPTY_LINES = re.compile(r"\n\n++")
_SCHEME = re.compile(r"\A(?:tel|mailto):", re.I)
_PARTS = re.compile(r"(?<!\\);")
_FOLD = re.compile(r"\r?\n[ \t]")
_PROPERTY = re.compile(r'\A(?:[\w-]++\.)?+([\w-]++)((?:;[^:";]*+(?:"[^"]*+"[^:";]*+)*+)*+):(.*)\Z', re.S)
_ESCAPED = re.compile(r"\\([\\;,nN])")
_DATE = re.compile(r"\A(\d{4})(\d\d)(\d\d)(?:T(\d\d)(\d\d)\d\d(Z?))?\Z")
_TZID = re.compile(r';TZID="?([^;":]++)', re.I)
_NAME = re.compile(r';CN=(?:"([^"]*+)"|([^;:"]*+))', re.I)
_QUOTED = re.compile(
    r"^([\w.-]{1,60}+;[^:\n]{0,200}?QUOTED-PRINTABLE[^:\n]{0,200}+:)((?:[^\n]*=\n)*+[^\n]*+)", re.M | re.I
)
_CHARSET = re.compile(r";CHARSET=\"?([\w-]++)", re.I)
_SHOWN: Final = {
    "DTSTART": "When",
    "DTEND": "Until",
    "DUE": "Due",
    "DURATION": "Duration",
    "RRULE": "Repeats",
    "RDATE": "Also on",
    "EXDATE": "Not on",
    "LOCATION": "Where",
    "ORGANIZER": "Organizer",
    "ATTENDEE": "With",
    "STATUS": "Status",
    "CATEGORIES": "Categories",
    "URL": "Address",
    "CONTACT": "Contact",
    "COMMENT": "Comment",
    "NICKNAME": "Nickname",
    "ORG": "Organisation",
    "TITLE": "Position",
    "ROLE": "Role",
    "TEL": "Telephone",
    "EMAIL": "E-mail",
    "ADR": "Address",
    "BDAY": "Birthday",
    "NOTE": "Note",
}
_TOLD: Final = ("SUMMARY", "FN", "DESCRIPTION")
_ITEMS: Final = ("VEVENT", "VTODO", "VJOURNAL", "VCARD")


class _Cue(NamedTuple):
    start: float
    end: float
    speaker: str
    text: str


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read subtitles, a calendar or cards."""
    writer = ExtractWriter(limits)
    text = writer.decode(source.data)
    if source.media_type in ("text/calendar", "text/vcard"):
        write_items(text, writer)
        return writer.finish(source.media_type)
    for paragraph in _paragraphs(list(_cues(text, writer)), writer):
        writer.block("paragraph", paragraph)
    return writer.finish(source.media_type, headed=False)


def _cues(text: str, writer: ExtractWriter) -> Iterator[_Cue]:
    """Yield what is shown, with who says it; what is no cue (notes, styles) is told as left out."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    before = _Cue(0, 0, "", "")
    # in VTT a line of blanks stands inside a cue
    for block in (_EMPTY_LINES if text.startswith("WEBVTT") else _BLANK_LINES).split(text):
        lines = block.strip("\n").split("\n")
        at = next((at for at, line in enumerate(lines[:3]) if _CUE.match(line)), None)
        if at is None:
            writer.leave_out("notes of a transcript", block.removeprefix("WEBVTT"))
            continue
        said = [line.strip() for line in lines[at + 1 :] if _TAG.sub("", line).strip()]
        start, _, end = lines[at].partition("-->")
        # captions that roll show the last line once more above the next
        if len(said) > 1 and said[0] == before.text and _seconds(start) < before.end + 0.1:
            writer.leave_out("repeated caption", said.pop(0))
        before = _Cue(0, _seconds(end), "", _TAG.sub("", said[-1]).strip() if said else before.text)
        shown = " ".join(said)
        for speaker, words in _voices(shown):
            yield _Cue(_seconds(start), _seconds(end), speaker, words)


def _voices(shown: str) -> Iterator[tuple[str, str]]:
    """Yield who speaks and what is said: marked as voices, or by a name before a colon."""
    before, *voices = _VOICE.split(shown)
    for speaker, marked in [("", before), *zip(voices[::2], voices[1::2], strict=True)]:
        said = unescape(_TAG.sub("", marked)).strip()
        named = None if voices else _SPEAKER.match(said)
        if said:
            yield (named[1], said[named.end() :]) if named else (speaker.strip(), said)


def _seconds(written: str) -> float:
    """Return the time at the head of a text, which a cue's pattern has found there."""
    found = _TIME.match(written)
    if found is None:
        return 0.0
    return int(found[1] or 0) * 3600 + int(found[2]) * 60 + float(f"{found[3]}.{found[4]}")


def _paragraphs(cues: list[_Cue], writer: ExtractWriter) -> Iterator[str]:
    """Join cues to paragraphs, a new one for each speaker and after a silence; each begins with its time."""
    parts: list[str] = []
    before = _Cue(0, 0, "", "")
    speaker = ""
    for cue in cues:
        ended = sum(map(len, parts)) > _LONG and before.text.endswith((".", "?", "!"))
        turned = bool(cue.speaker) and cue.speaker != speaker
        is_later = cue.start - before.end > _APART
        if parts and (turned or ended or is_later):
            yield " ".join(parts)
            parts = []
        if not parts:
            speaker = cue.speaker or ("" if is_later else speaker)  # after a silence anybody may speak
            minutes, seconds = divmod(int(cue.start), 60)
            parts.append(f"[{minutes // 60:02}:{minutes % 60:02}:{seconds:02}]")
            parts += [f"{speaker}:"] if speaker else []
        else:
            writer.leave_out("speaker who goes on", cue.speaker)
        # captions that roll repeat the line before
        shown = cue.text.removeprefix(before.text).strip() if cue.start < before.end else cue.text
        if cue.text == before.text and cue.start <= before.end + 0.5:
            shown = ""
        writer.leave_out("repeated caption", cue.text.removesuffix(shown))
        if shown:
            parts.append(shown)
        before = cue
    if parts:
        yield " ".join(filter(None, parts))


def write_items(text: str, writer: ExtractWriter) -> None:
    """Add the events of a calendar, or cards, to the document that `writer` builds."""
    facts: list[tuple[str, str]] = []
    inside: list[str] = []
    for line in _FOLD.sub("", unquoted(text.replace("\r\n", "\n"))).split("\n"):
        found = _PROPERTY.match(line.rstrip("\r"))
        if found is None:
            writer.leave_out("line that is no field", line)
            continue
        name, parameters, value = found[1].upper(), found[2], found[3]
        if name == "BEGIN":
            inside.append(value.strip().upper())
            if inside[-1] in _ITEMS:
                facts = []
        elif name == "END":
            if inside and inside.pop() in _ITEMS:
                _write_item(facts, writer)
        elif inside and inside[-1] in _ITEMS:
            facts.append((name, _value(name, parameters, value)))
        else:
            writer.leave_out("technical field", value)


def unquoted(text: str) -> str:
    """Return cards of the old form as those of the new: values that are quoted-printable as they read."""
    return _QUOTED.sub(_as_it_reads, text) if "QUOTED-PRINTABLE" in text.upper() else text


def _as_it_reads(found: re.Match[str]) -> str:
    charset = _CHARSET.search(found[1])
    data = decodestring(found[2].encode("ascii", "ignore"))
    try:
        value = data.decode(charset[1] if charset else "utf-8")
    except (LookupError, UnicodeDecodeError):
        value = data.decode("cp1252", "replace")
    return found[1] + value.replace("\r\n", "\n").replace("\n", "\\n")


def _write_item(facts: list[tuple[str, str]], writer: ExtractWriter) -> None:
    first = dict(reversed(facts))
    writer.heading(first.get("SUMMARY") or first.get("FN") or first.get("N", ""), 2)
    shown: dict[str, list[str]] = {}
    for name, value in facts:
        if name in _SHOWN and value.strip():
            shown.setdefault(_SHOWN[name], []).append(value)
        elif value != first.get(name) or name not in _TOLD:
            writer.leave_out("technical field", value)
    writer.block("list", "\n".join(f"- {label}: {', '.join(values)}" for label, values in shown.items()))
    if description := first.get("DESCRIPTION"):
        writer.block("paragraph", description)


def _value(name: str, parameters: str, value: str) -> str:
    text = _ESCAPED.sub(lambda found: "\n" if found[1] in "nN" else found[1], value).strip()
    if name in ("DTSTART", "DTEND", "DUE", "RDATE", "EXDATE", "BDAY"):
        zone = _TZID.search(parameters)
        return ", ".join(_moment(each) for each in text.split(",")) + (f" ({zone[1]})" if zone else "")
    if name in ("ORGANIZER", "ATTENDEE"):
        address = _SCHEME.sub("", text)
        known = _NAME.search(parameters)
        return f"{known[1] or known[2]} <{address}>" if known and (known[1] or known[2]) else address
    if name in ("ADR", "N", "ORG"):
        return ", ".join(part.strip() for part in _PARTS.split(value) if part.strip()).replace("\\,", ",")
    return _SCHEME.sub("", text)


def _moment(text: str) -> str:
    found = _DATE.match(text.strip())
    if found is None:
        return text
    try:
        day = datetime(int(found[1]), int(found[2]), int(found[3])).date().isoformat()  # noqa: DTZ001 - a day
    except ValueError:
        return text
    return day + (f" {found[4]}:{found[5]}" + " UTC" * bool(found[6]) if found[4] else "")
