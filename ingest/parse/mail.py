"""E-mail (EML, mbox): headers, what the sender wrote, forwarded messages and invitations in their place, attachments by name."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from email import policy
from email.header import decode_header
from email.message import EmailMessage, Message
from email.parser import BytesHeaderParser, BytesParser
from typing import Final, NamedTuple

from ingest.extract import NOT_OPENED, Extract, Limits, RawFile, Unparsable
from ingest.parse.html.html import write_html
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.plain import write_plain
from ingest.parse.timed import write_items
from ingest.parse.writer import ExtractWriter
from vectorstore.language.words import words

_SHOWN: Final = ("From", "To", "Cc", "Date")
_MAX_ATTACHMENTS: Final = 50
_DEEPEST: Final = 20
_ENCRYPTED: Final = "The message, or a part of it, is encrypted; that was not read."
_CODECS: Final = {
    **dict.fromkeys(("iso-8859-1", "latin-1", "latin1", "us-ascii", "ascii"), "cp1252"),
    **dict.fromkeys(("gb2312", "gbk", "x-gbk", "gb_2312-80"), "gb18030"),
    **dict.fromkeys(("ks_c_5601-1987", "euc-kr", "ks_c_5601"), "cp949"),
    **dict.fromkeys(("shift_jis", "x-sjis", "shift-jis"), "cp932"),
    "unicode-1-1-utf-7": "utf-7",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "iso-8859-8-i": "iso8859_8",
    "big5": "big5hkscs",
}
"""What a name of a charset stands for in practice: the larger set that its senders use."""
_TAG = re.compile(r"</?+[A-Za-z][^<>\n]*+>")
_NEXT = re.compile(rb"(?:\A|(?<=\n\n)|(?<=\n\r\n))From [^\n]{1,300}?\d\d:\d\d[^\n]*+\n(?=[\w-]++:|>From )")
_ESCAPED_FROM = re.compile(rb"^>(?=>*+From )", re.M)


class Attachment(NamedTuple):
    """A file that came with a message. `inline` is one that the message itself shows, such as a logo."""

    name: str
    data: bytes
    inline: bool = False


@dataclass(slots=True)
class _Mail:
    """A message that is being read: where its text goes, and what came with it."""

    writer: ExtractWriter
    limits: Limits
    attachments: list[Attachment] = field(default_factory=list)


_OF_PAGES: Final = frozenset({"text/css", "text/javascript", "application/javascript"})
_SHOWN_INSIDE: Final = ("image/", "font/")


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a message, or the messages of a mailbox one after the other. Attachments are named, not read."""
    writer = ExtractWriter(limits)
    mail = _Mail(writer, limits)
    if source.media_type == "application/mbox":
        messages = [BytesParser(policy=policy.default).parsebytes(each) for each in messages_of(source.data)]
        for message in messages:
            _write_message(message, mail)
        writer.finding(
            f"It is a mailbox of {len(messages)} messages, read as one document; `footnote ingest` makes each its own."
        )
        return writer.finish(source.media_type)
    message = message_of(source.data, source.media_type)
    _write_message(message, mail)
    names = tuple(each.name for each in mail.attachments)
    return writer.finish(
        source.media_type,
        title=_header(message, "Subject"),
        modified=parse_date(_header(message, "Date")),
        metadata=plain_metadata(
            {"from": _header(message, "From"), "to": _header(message, "To"), "attachments": names}
        ),
    )


def message_of(data: bytes, media_type: str) -> EmailMessage:
    """Return the message that a file holds, also one of Outlook's own form."""
    if media_type == "application/vnd.ms-outlook":
        from ingest.parse.outlook import read_outlook

        return read_outlook(data)
    return BytesParser(policy=policy.default).parsebytes(data)


def messages_of(mailbox: bytes) -> Iterator[bytes]:
    """Yield the messages of a mailbox, each without the line that parts it from the one before."""
    starts = [found.span() for found in _NEXT.finditer(mailbox)]
    if not starts:
        yield mailbox
    ends = [*(start for start, _ in starts[1:]), len(mailbox)]
    for (_, begin), end in zip(starts, ends, strict=False):
        yield _ESCAPED_FROM.sub(b"", mailbox[begin:end]).rstrip(b"\r\n") + b"\n"


def subject_of(message: bytes) -> str:
    """Return a message's subject, without reading the rest of it."""
    return _header(BytesHeaderParser(policy=policy.compat32).parsebytes(message), "Subject")


def attachments_of(message: EmailMessage, limits: Limits) -> list[Attachment]:
    """Return the files that came with a message, those of messages forwarded in it included."""
    mail = _Mail(ExtractWriter(limits), limits)
    _write_message(message, mail)
    return mail.attachments


def _write_message(message: Message, mail: _Mail, *, depth: int = 0) -> None:
    before = len(mail.attachments)
    subject = _header(message, "Subject")
    if depth:
        mail.writer.heading(f"Forwarded: {subject or 'a message'}", 2)
    else:
        mail.writer.heading(subject, 1)
    headers = [f"- {name}: {value}" for name in _SHOWN if (value := _header(message, name))]
    mail.writer.block("list", "\n".join(headers))
    _write_part(message, mail, depth=depth)
    own = mail.attachments[before:]
    if own and not depth:
        shown = own[:_MAX_ATTACHMENTS]
        mail.writer.block("list", "Attachments:\n" + "\n".join(f"- {each.name}" for each in shown))
        if unread := [each for each in own if not each.inline]:
            count = "1 attachment was" if len(unread) == 1 else f"{len(unread)} attachments were"
            mail.writer.finding(f"{count} {NOT_OPENED}")


def _header(message: Message, name: str) -> str:
    """Return a header as it reads, however its sender has encoded it."""
    raw = next((str(value) for key, value in message.raw_items() if key.lower() == name.lower()), "")
    return " ".join(_readable(raw).split())


def _readable(raw: str) -> str:
    """Return a header or name with what is encoded in it as text, and bytes that nobody has encoded as well."""
    raw = _decoded(raw.encode("utf-8", "surrogateescape"), "utf-8")
    if "=?" not in raw:
        return raw
    try:
        parts = decode_header(raw)
    except (ValueError, LookupError):  # the standard library trips over broken headers
        return raw
    plain = "raw-unicode-escape"  # what the standard library makes of what stands between
    return "".join(
        part
        if isinstance(part, str)
        else _decoded(part, charset)
        if charset
        else part.decode(plain, "replace")
        for part, charset in parts
    )


def _decoded(data: bytes, charset: str) -> str:
    try:
        return data.decode("utf-8" if not data.isascii() else _CODECS.get(charset.lower(), charset))
    except (LookupError, UnicodeDecodeError):
        return _by_charset(data, charset) or data.decode("cp1252", "replace")


def _by_charset(data: bytes, charset: str) -> str:
    try:
        return data.decode(_CODECS.get(charset.lower(), charset))
    except (LookupError, UnicodeDecodeError, ValueError):
        return ""


def _write_part(part: Message, mail: _Mail, *, depth: int) -> None:
    """Write what a part of a message says, and the parts inside it in their order."""
    kind = part.get_content_type()
    if depth > _DEEPEST:
        mail.writer.finding("The message is nested too deeply; what is inside was not read.")
    elif kind == "multipart/encrypted" or (kind.endswith("pkcs7-mime") and _is_sealed(part)):
        mail.writer.finding(_ENCRYPTED)
    elif kind == "multipart/alternative":
        _write_best(list(_inside(part)), mail, depth=depth)
    elif kind == "message/delivery-status":
        mail.writer.block("paragraph", "\n\n".join(str(inner).strip() for inner in _inside(part)))
    elif part.is_multipart():
        write = _write_message if kind == "message/rfc822" else _write_part
        for inner in _inside(part):
            write(inner, mail, depth=depth + 1)
    else:
        _write_leaf(part, kind, mail)


def _write_leaf(part: Message, kind: str, mail: _Mail) -> None:
    if kind == "text/calendar":
        write_items(_content(part, mail.writer), mail.writer)
    elif part.get("Content-Location") and kind in _OF_PAGES:
        mail.writer.leave_out("style or script of a page", _content(part, mail.writer))
    elif _is_attachment(part):
        _attach(part, mail)
    elif kind == "text/html":
        write_html(_content(part, mail.writer), mail.writer)
    else:
        _write_text(part, mail)


def _inside(part: Message) -> list[Message]:
    payload = part.get_payload()
    return [each for each in payload if isinstance(each, Message)] if isinstance(payload, list) else []


def _is_sealed(part: Message) -> bool:
    kind = str(part.get_param("smime-type") or "").lower()
    return "signed" not in kind and "certs" not in kind


def _is_attachment(part: Message) -> bool:
    kind = part.get_content_type()
    named = part.get_content_disposition() == "attachment" or bool(part.get_filename())
    return named or not kind.startswith("text/") or kind == "text/rtf"


def _attach(part: Message, mail: _Mail) -> None:
    kind = part.get_content_type()
    if kind.endswith(("-signature", "x-amp-html")):
        return
    name = " ".join(_readable(str(part.get_filename() or "")).split())[:200]
    if kind.endswith("ms-tnef") or name.lower() == "winmail.dat":
        mail.writer.finding(
            "winmail.dat holds text or files in a form of Outlook's own, which is not read; save the message as MSG."
        )
    payload = part.get_payload(decode=True)
    inline = bool(part.get("Content-ID") or part.get("Content-Location")) and kind.startswith(_SHOWN_INSIDE)
    if name or not inline:
        data = payload if isinstance(payload, bytes) else b""
        mail.attachments.append(Attachment(name or f"without a name ({kind})", data, inline))


def _write_best(parts: list[Message], mail: _Mail, *, depth: int) -> None:
    """Write that form of a text which says most: the plain one, unless it lacks what the HTML has."""
    for part in parts:
        if part.get_content_type() == "text/calendar":
            _write_part(part, mail, depth=depth + 1)
    plain = next((each for each in parts if each.get_content_type() == "text/plain"), None)
    rich = next((each for each in reversed(parts) if _holds_html(each)), None)
    if plain is None or rich is None:
        others = [each for each in parts if each.get_content_type() != "text/calendar"]
        if best := rich or plain or (others[-1] if others else None):
            _write_part(best, mail, depth=depth + 1)
        return
    text = _content(plain, mail.writer)
    scratch = _Mail(ExtractWriter(mail.limits), mail.limits)
    _write_part(rich, scratch, depth=depth + 1)
    try:
        html = scratch.writer.finish("text/html").text
    except Unparsable:
        html = ""
    best, other, unsaid = (plain, rich, html) if _says_all(text, html) else (rich, plain, text)
    if not set(words(unsaid.casefold())).issubset(words((html if best is rich else text).casefold())):
        what = "text of the HTML version" if best is plain else "text of the plain version"
        mail.writer.leave_out(what, unsaid)
    _write_part(best, mail, depth=depth + 1)
    if best is plain and other.is_multipart():
        mail.attachments += scratch.attachments


def _holds_html(part: Message) -> bool:
    return part.get_content_type() == "text/html" or (
        part.get_content_maintype() == "multipart"
        and any(each.get_content_type() == "text/html" for each in part.walk())
    )


def _says_all(text: str, other: str) -> bool:
    """Say whether a text has nearly all words of another, or far more of them."""
    own, others = words(text.casefold()), words(other.casefold())
    asked = set(others)
    return len(asked.intersection(own)) >= 0.8 * len(asked) or len(own) > 3 * len(others)


def _write_text(part: Message, mail: _Mail) -> None:
    text = _content(part, mail.writer)
    if part.get_content_type() in ("text/enriched", "text/richtext"):
        text = _TAG.sub("", text)
    if "-----BEGIN PGP MESSAGE-----" in text:
        mail.writer.finding(_ENCRYPTED)
        before, _, rest = text.partition("-----BEGIN PGP MESSAGE-----")
        sealed, _, after = rest.partition("-----END PGP MESSAGE-----")
        mail.writer.leave_out("encrypted text", sealed)
        text = before + after
    if str(part.get_param("format") or "").lower() == "flowed":
        text = _unflowed(text, joined=str(part.get_param("delsp") or "").lower() == "yes")
    write_plain(text, mail.writer)


def _unflowed(text: str, *, joined: bool) -> str:
    """Put the lines together that format=flowed has parted: each that ends with a blank, with the next as deeply quoted."""
    lines: list[str] = []
    open_depth = -1
    for line in text.replace("\r\n", "\n").split("\n"):
        content = line.lstrip(">")
        depth = len(line) - len(content)
        content = content.removeprefix(" ")
        if depth == open_depth and content != "-- ":
            lines[-1] += content
        else:
            lines.append("> " * bool(depth) + content if depth < 2 else ">" * depth + f" {content}")
        flows = content.endswith(" ") and content != "-- "
        open_depth = depth if flows else -1
        if flows and joined:
            lines[-1] = lines[-1][:-1]
    return "\n".join(lines)


def _content(part: Message, writer: ExtractWriter) -> str:
    """Return the text of a part: what its charset says, unless the bytes are plainly UTF-8."""
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = str(part.get_content_charset() or "utf-8")
    try:
        if not data.isascii():
            return data.decode("utf-8")
    except UnicodeDecodeError:
        pass
    if charset not in ("utf-8", "us-ascii") and (text := _by_charset(data, charset)):
        return text
    return writer.decode(data)
