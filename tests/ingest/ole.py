"""Writes OLE files with code, such as Outlook's messages are."""

import struct
from dataclasses import dataclass, field

_SECTOR, _SMALL, _CUTOFF = 512, 64, 4096
_END, _FREE, _FAT = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


@dataclass
class _Entry:
    name: str
    kind: int
    data: bytes = b""
    children: list[int] = field(default_factory=list)
    start: int = _END


def ole(tree: dict[str, object]) -> bytes:
    """Return an OLE file of these streams (bytes) and storages (dicts)."""
    entries = [_Entry("Root Entry", 5)]
    _add(tree, 0, entries)
    small = bytearray()
    chains: list[int] = []
    big: list[_Entry] = []
    for entry in entries[1:]:
        if entry.kind == 2 and len(entry.data) >= _CUTOFF:
            big.append(entry)
        elif entry.kind == 2 and entry.data:
            count = -(-len(entry.data) // _SMALL)
            entry.start = len(chains)
            chains += [*range(entry.start + 1, entry.start + count), _END]
            small += entry.data.ljust(count * _SMALL, b"\0")
    entries[0].data = bytes(small)
    sectors: list[bytes] = []
    fat: list[int] = []

    def put(data: bytes) -> int:
        if not data:
            return _END
        start, count = len(sectors), -(-len(data) // _SECTOR)
        padded = data.ljust(count * _SECTOR, b"\0")
        sectors.extend(padded[at : at + _SECTOR] for at in range(0, len(padded), _SECTOR))
        fat.extend([*range(start + 1, start + count), _END])
        return start

    for entry in [entries[0], *big]:
        entry.start = put(entry.data)
    mini = (
        put(b"".join(struct.pack("<I", each) for each in chains).ljust(_SECTOR, b"\xff")) if chains else _END
    )
    mini_count = -(-4 * len(chains) // _SECTOR)
    directory = put(b"".join(_packed(each, entries) for each in entries))
    fat_count = 1
    while fat_count * 128 < len(sectors) + fat_count:
        fat_count += 1
    places = list(range(len(sectors), len(sectors) + fat_count))
    fat += [_FAT] * fat_count
    table = b"".join(struct.pack("<I", each) for each in fat).ljust(fat_count * _SECTOR, b"\xff")
    header = (
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
        + bytes(16)
        + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
        + bytes(6)
    )
    header += struct.pack("<IIIIIIIII", 0, fat_count, directory, 0, _CUTOFF, mini, mini_count, _END, 0)
    header += b"".join(struct.pack("<I", each) for each in places).ljust(436, b"\xff")
    return header + b"".join(sectors) + table


def message(
    properties: dict[int, str | bytes],
    *,
    attachments: list[dict[int, object]] | None = None,
    inside: bool = False,
    narrow: str = "",
) -> dict[str, object]:
    """Return the tree of a message: its properties by number, its attachments likewise; 0 is a message inside."""
    tree: dict[str, object] = {"__properties_version1.0": bytes(24 if inside else 32) + _code_page(narrow)}
    tree |= dict(_stream(number, value, narrow) for number, value in properties.items())
    for at, attachment in enumerate(attachments or []):
        own: dict[str, object] = {"__properties_version1.0": bytes(8)}
        own |= dict(_stream(number, value, narrow) for number, value in attachment.items() if number)
        if 0 in attachment:
            own["__substg1.0_3701000D"] = attachment[0]
        tree[f"__attach_version1.0_#{at:08X}"] = own
    return tree


def _code_page(narrow: str) -> bytes:
    return struct.pack("<HHIQ", 3, 0x3FFD, 6, int(narrow[2:])) if narrow else b""


def _stream(number: int, value: object, narrow: str) -> tuple[str, bytes]:
    if isinstance(value, bytes):
        return f"__substg1.0_{number:04X}0102", value
    kind, codec = ("001E", narrow) if narrow else ("001F", "utf-16-le")
    return f"__substg1.0_{number:04X}{kind}", str(value).encode(codec)


def _add(tree: dict[str, object], parent: int, entries: list[_Entry]) -> None:
    for name, content in tree.items():
        at = len(entries)
        entries[parent].children.append(at)
        if isinstance(content, dict):
            entries.append(_Entry(name, 1))
            _add(content, at, entries)
        else:
            assert isinstance(content, bytes)
            entries.append(_Entry(name, 2, content))


def _packed(entry: _Entry, entries: list[_Entry]) -> bytes:
    """Write an entry; the children of a storage hang on one another as right siblings, in their order."""
    parent = next((each for each in entries if entries.index(entry) in each.children), None)
    right = _FREE
    if parent is not None:
        order = _ordered(parent, entries)
        at = order.index(entries.index(entry))
        right = order[at + 1] if at + 1 < len(order) else _FREE
    child = _ordered(entry, entries)[0] if entry.children else _FREE
    name = entry.name.encode("utf-16-le") + b"\0\0"
    return (
        name.ljust(64, b"\0")
        + struct.pack("<HBBIII", len(name), entry.kind, 1, _FREE, right, child)
        + bytes(36)
        + struct.pack("<IQ", entry.start, len(entry.data))
    )


def _ordered(entry: _Entry, entries: list[_Entry]) -> list[int]:
    return sorted(entry.children, key=lambda at: (len(entries[at].name), entries[at].name.upper()))
