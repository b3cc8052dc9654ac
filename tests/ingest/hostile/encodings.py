"""Texts in twenty encodings, whole and broken in twenty ways."""

from collections.abc import Iterator
from dataclasses import dataclass

_LATIN = "Die Übernachtung kostet für jeden Gast höchstens hundert Euro, außer in München und Zürich. "
_CYRILLIC = "Каждый сотрудник имеет право на двадцать восемь дней отпуска в году по трудовому договору. "
_GREEK = "Κάθε εργαζόμενος δικαιούται είκοσι πέντε ημέρες άδειας τον χρόνο σύμφωνα με τη σύμβαση. "
_JAPANESE = "従業員は毎年二十日間の有給休暇を取得することができます。申請は一週間前までに行ってください。"
_CHINESE = "每位员工每年享有二十五天的带薪休假，申请须提前两周提交给主管经理批准。"
_KOREAN = "모든 직원은 매년 이십오일의 유급 휴가를 사용할 수 있으며 신청은 두 주 전에 해야 합니다. "
_TRADITIONAL = "每位員工每年享有二十五天的帶薪休假，申請須提前兩週提交給主管經理批准。"
_HEBREW = "כל עובד זכאי לעשרים וחמישה ימי חופשה בשנה לפי החוזה והנוהל של החברה. "
_POLISH = "Każdy pracownik ma prawo do dwudziestu pięciu dni urlopu w ciągu roku, także źródłowo. "

_TEXTS = {
    "utf-8": _LATIN,
    "utf-8-sig": _LATIN,
    "utf-16": _LATIN,
    "utf-32": _LATIN,
    "utf-16-le-bom": _JAPANESE,
    "utf-16-be-bom": _CYRILLIC,
    "cp1252": _LATIN,
    "iso8859_1": _LATIN,
    "iso8859_15": _LATIN,
    "cp437": _LATIN,
    "cp1250": _POLISH,
    "iso8859_2": _POLISH,
    "cp1251": _CYRILLIC,
    "koi8_r": _CYRILLIC,
    "cp1253": _GREEK,
    "cp1255": _HEBREW,
    "shift_jis": _JAPANESE,
    "euc_jp": _JAPANESE,
    "gb18030": _CHINESE,
    "euc_kr": _KOREAN,
}
ENCODINGS = tuple(_TEXTS)
# what carries its own mark or cannot be anything else must come back; a legacy encoding may be refused
_CERTAIN = ("utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-le-bom", "utf-16-be-bom")


@dataclass(frozen=True)
class Form:
    data: bytes
    text: str
    must_read: bool

    def is_prefix_of(self, found: str) -> bool:
        """Whether what was found is the text, cut short, with the damage before or behind it."""
        return found.strip()[:-1].removeprefix("x") in self.text or self.text.strip() in found


def broken_forms(encoding: str) -> Iterator[tuple[str, Form]]:
    """Yield the text whole and in twenty damaged forms."""
    text = _TEXTS[encoding] * 6
    data = _encoded(text, encoding)
    yield "whole.txt", Form(data, text.strip(), must_read=encoding in _CERTAIN)
    for at in range(1, 8):
        yield f"cut-{at}.txt", Form(data[: len(data) * at // 8 + 1], text, must_read=False)
    for at in range(1, 5):
        yield (
            f"random-{at}.txt",
            Form(data + bytes((37 * step * at) % 256 for step in range(len(data))), text, must_read=False),
        )
    # a wrong byte in UTF-16 Japanese is another ideograph: nobody can tell
    for at in range(1, 5) if encoding != "utf-16-le-bom" else ():
        damaged = bytearray(data)
        for position in range(4, len(damaged), 20 * at):
            damaged[position] = 0x81
        yield f"holes-{at}.txt", Form(bytes(damaged), text, must_read=False)
    yield "odd.txt", Form(data[1:], text, must_read=False)
    yield "shifted.txt", Form(b"x" + data, text, must_read=False)
    yield "nulls.txt", Form(data + bytes(500), text, must_read=False)
    yield "mixed.txt", Form(data + _LATIN.encode("cp1252") + _CYRILLIC.encode(), text, must_read=False)
    yield "reversed.txt", Form(data[::-1], text, must_read=False)


def _encoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-16-le-bom":
        return b"\xff\xfe" + text.encode("utf-16-le")
    if encoding == "utf-16-be-bom":
        return b"\xfe\xff" + text.encode("utf-16-be")
    return text.encode(encoding)
