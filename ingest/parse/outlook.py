"""Outlook's own messages (MSG): an OLE file of numbered properties, read into a message as it is sent."""

import struct
from datetime import UTC, datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.parser import HeaderParser
from email.utils import format_datetime
from io import BytesIO
from typing import Any, Final

from ingest.extract import Unparsable
from ingest.parse.characters import decode

_SUBJECT, _HEADERS, _BODY, _HTML, _RTF = 0x0037, 0x007D, 0x1000, 0x1013, 0x1009
_SENDER, _SENDER_ADDRESS, _SENDER_SMTP = 0x0C1A, 0x0C1F, 0x5D01
_TO, _CC, _SENT, _RECEIVED = 0x0E04, 0x0E03, 0x0039, 0x0E06
_DATA, _LONG_NAME, _NAME, _SHOWN_NAME, _MIME, _CONTENT_ID = 0x3701, 0x3707, 0x3704, 0x3001, 0x370E, 0x3712
_CODE_PAGES: Final = (0x3FDE, 0x3FFD)
_CLASS: Final = 0x001A
_EPOCH: Final = datetime(1601, 1, 1, tzinfo=UTC)
_MOST_ATTACHMENTS: Final = 1_000
_DEEPEST: Final = 5
_RTF_WORDS: Final = (
    b"{\\rtf1\\ansi\\mac\\deff0\\deftab720{\\fonttbl;}{\\f0\\fnil \\froman \\fswiss \\fmodern \\fscript "
    b"\\fdecor MS Sans SerifSymbolArialTimes New RomanCourier{\\colortbl\\red0\\green0\\blue0\r\n\\par "
    b"\\pard\\plain\\f0\\fs20\\b\\i\\u\\tab\\tx"
)
"""What the window of a compressed text begins with, by its specification (MS-OXRTFCP)."""
_MOST_RTF: Final = 5_000_000


def read_outlook(data: bytes) -> EmailMessage:
    """Return the message that an MSG file holds.

    Raises:
        Unparsable: the file is damaged ("corrupt").

    """
    import olefile

    try:
        with olefile.OleFileIO(BytesIO(data)) as file:
            return _message(_Storage(file, []), depth=0)
    except (OSError, struct.error, IndexError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise Unparsable(
            "corrupt", "The message is damaged; open it in Outlook and save it again."
        ) from error


class _Storage:
    """The properties of a message, of an attachment: each a stream called by its number and type."""

    def __init__(self, file: Any, path: list[str]) -> None:  # Any: olefile brings no types
        self._file = file
        self.path = path
        self._head = 32 if not path else 24 if path[-1].startswith("__substg") else 8
        fixed = self._stream("__properties_version1.0")[self._head :]
        self._fixed = {
            struct.unpack_from("<HH", fixed, at)[1]: fixed[at + 8 : at + 16]
            for at in range(0, len(fixed) - 15, 16)
        }
        pages = [struct.unpack("<I", self._fixed[each][:4])[0] for each in _CODE_PAGES if each in self._fixed]
        self._codec = {65001: "utf-8", 20127: "cp1252", 28591: "cp1252", 936: "gb18030"}.get(
            next(iter(pages), 1252), f"cp{next(iter(pages), 1252)}"
        )

    def text(self, number: int) -> str:
        """Return a property that is text; empty when there is none."""
        if wide := self._stream(f"__substg1.0_{number:04X}001F"):
            return wide.decode("utf-16-le", "replace").rstrip("\0")
        narrow = self._stream(f"__substg1.0_{number:04X}001E").rstrip(b"\0")
        try:
            return narrow.decode(self._codec)
        except (LookupError, UnicodeDecodeError):
            return decode(narrow).text

    def raw(self, number: int) -> bytes:
        """Return a property that is bytes; none when there is none."""
        return self._stream(f"__substg1.0_{number:04X}0102")

    def time(self, number: int) -> datetime | None:
        """Return a property that is a time."""
        if number not in self._fixed:
            return None
        return _EPOCH + timedelta(microseconds=struct.unpack("<Q", self._fixed[number])[0] // 10)

    def attachments(self) -> list["_Storage"]:
        """Return the attachments of a message."""
        depth = len(self.path)
        names = sorted(
            {
                each[depth]
                for each in self._file.listdir(streams=False, storages=True)
                if each[:depth] == self.path
                and len(each) > depth
                and each[depth].startswith("__attach_version1.0_")
            }
        )
        return [_Storage(self._file, [*self.path, name]) for name in names[:_MOST_ATTACHMENTS]]

    def embedded(self) -> "_Storage | None":
        """Return the message that an attachment is."""
        path = [*self.path, f"__substg1.0_{_DATA:04X}000D"]
        return _Storage(self._file, path) if self._file.exists([*path, "__properties_version1.0"]) else None

    def _stream(self, name: str) -> bytes:
        path = [*self.path, name]
        if not self._file.exists(path):
            return b""
        with self._file.openstream(path) as stream:
            return bytes(stream.read())


def _message(storage: _Storage, *, depth: int) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP.clone(refold_source="none"))
    sent = HeaderParser(policy=policy.compat32).parsestr(storage.text(_HEADERS))
    sender, address = storage.text(_SENDER), storage.text(_SENDER_SMTP) or storage.text(_SENDER_ADDRESS)
    moment = storage.time(_SENT) or storage.time(_RECEIVED)
    headers = {
        "Subject": storage.text(_SUBJECT) or str(sent.get("Subject", "")),
        "From": str(sent.get("From", ""))
        or (f"{sender} <{address}>" if "@" in address else sender or address),
        "To": storage.text(_TO) or str(sent.get("To", "")),
        "Cc": storage.text(_CC) or str(sent.get("Cc", "")),
        "Date": str(sent.get("Date", "")) or (format_datetime(moment) if moment else ""),
    }
    for name, value in headers.items():
        if value.strip():
            # as it reads, in no need of being encoded
            message._headers.append((name, " ".join(value.split())))  # type: ignore[attr-defined]  # noqa: SLF001
    if "SMIME" in storage.text(_CLASS).upper():
        message.set_content("", subtype="plain")
        message.replace_header("Content-Type", "application/pkcs7-mime")
        return message
    _add_bodies(message, storage)
    for attachment in storage.attachments():
        _attach(message, attachment, depth=depth)
    return message


def _add_bodies(message: EmailMessage, storage: _Storage) -> None:
    plain = storage.text(_BODY)
    html = storage.text(_HTML) or (decode(raw).text if (raw := storage.raw(_HTML)) else "")
    if not plain.strip() and not html.strip() and (rtf := storage.raw(_RTF)):
        from striprtf.striprtf import rtf_to_text

        plain = str(rtf_to_text(_unpacked_rtf(rtf).decode("latin-1"), errors="replace"))  # type: ignore[no-untyped-call]
    message.set_content(_encodable(plain))
    if html.strip():
        message.add_alternative(_encodable(html), subtype="html")


def _attach(message: EmailMessage, storage: _Storage, *, depth: int) -> None:
    if (embedded := storage.embedded()) and depth < _DEEPEST:
        message.add_attachment(_message(embedded, depth=depth + 1))
        return
    kind, _, subtype = (storage.text(_MIME) or "application/octet-stream").lower().partition("/")
    if not subtype.replace("-", "").replace(".", "").replace("+", "").isalnum() or kind in (
        "message",
        "multipart",
    ):
        kind, subtype = "application", "octet-stream"
    name = storage.text(_LONG_NAME) or storage.text(_NAME) or storage.text(_SHOWN_NAME)
    cid = " ".join(storage.text(_CONTENT_ID).split())
    message.add_attachment(
        storage.raw(_DATA),
        maintype=kind,
        subtype=subtype,
        filename=" ".join(_encodable(name).split()) or "attachment",
        cid=f"<{cid}>" if cid.isascii() and cid else None,
    )


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")


def _unpacked_rtf(packed: bytes) -> bytes:
    """Return a text of PidTagRtfCompressed as it was: runs of bytes, and references into the 4096 before."""
    size, kind = struct.unpack_from("<I4s", packed, 4)
    if kind != b"LZFu":
        return packed[16:]
    window = bytearray(_RTF_WORDS.ljust(4096, b"\0"))
    at, place, text = 16, len(_RTF_WORDS), bytearray()
    size = min(size, _MOST_RTF)
    while at < len(packed) and len(text) < size:
        control, at = packed[at], at + 1
        for bit in range(8):
            if at >= len(packed) or len(text) >= size:
                break
            offset, length = 0, 0
            if control >> bit & 1:
                reference = int.from_bytes(packed[at : at + 2], "big")
                at, offset, length = at + 2, reference >> 4, (reference & 15) + 2
                if offset == place % 4096:
                    return bytes(text)
            else:
                window[place % 4096] = packed[at]
                text.append(packed[at])
                at, place = at + 1, place + 1
            for each in range(offset, offset + length):  # what is copied may begin in what is copied
                window[place % 4096] = window[each % 4096]
                text.append(window[each % 4096])
                place += 1
    return bytes(text[:size])
