"""E-mail (EML): headers, the text that the sender meant, the names of attachments."""

from email import policy
from email.message import EmailMessage, Message
from email.parser import BytesParser
from typing import Final

from ingest.extract import Extract, Limits, RawFile
from ingest.parse.html.html import write_html
from ingest.parse.metadata import parse_date, plain_metadata
from ingest.parse.plain import write_plain
from ingest.parse.writer import ExtractWriter

_SHOWN: Final = ("From", "To", "Cc", "Date")
_MAX_ATTACHMENTS: Final = 50


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a message. Attachments are named, not read."""
    message = BytesParser(policy=policy.default).parsebytes(source.data)
    writer = ExtractWriter(limits)
    headers = {name: _header(message, name) for name in ("Subject", *_SHOWN)}
    writer.heading(headers["Subject"], 1)
    writer.block("list", "\n".join(f"- {name}: {headers[name]}" for name in _SHOWN if headers[name]))
    _write_body(message, writer)
    attachments = _attachments(message)
    if attachments:
        writer.block("list", "Attachments:\n" + "\n".join(f"- {name}" for name in attachments))
        writer.finding(
            f"{len(attachments)} attachments were named but not read; save and ingest them as files."
        )
    return writer.finish(
        source.media_type,
        title=headers["Subject"],
        modified=parse_date(headers["Date"]),
        metadata=plain_metadata(
            {"from": headers["From"], "to": headers["To"], "attachments": tuple(attachments)}
        ),
    )


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message.get(name) or "").split())
    except (
        ValueError,
        IndexError,
        AttributeError,
        TypeError,
    ):  # the standard library trips over broken headers
        return ""


def _write_body(message: EmailMessage, writer: ExtractWriter) -> None:
    plain = message.get_body(("plain",))
    html = message.get_body(("html",))
    if plain is not None and (text := _content(plain, writer)).strip():
        write_plain(text, writer)
    elif html is not None:
        write_html(_content(html, writer), writer)


def _content(part: Message, writer: ExtractWriter) -> str:
    payload = part.get_payload(decode=True)
    data = payload if isinstance(payload, bytes) else b""
    charset = part.get_content_charset() or "utf-8"
    try:
        return data.decode(charset)
    except (LookupError, UnicodeDecodeError):
        return writer.decode(data)


def _attachments(message: EmailMessage) -> list[str]:
    names: list[str] = []
    for part in message.walk():
        name = part.get_filename()
        if name and len(names) < _MAX_ATTACHMENTS:
            names.append(" ".join(str(name).split())[:200])
    return names
