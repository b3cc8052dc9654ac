"""Equations: Office MathML to one line, as it would be typed."""

import re
from collections.abc import Callable
from typing import Final

from ingest.parse.html.markup import Element
from ingest.parse.office.ooxml import attribute, child, name_of

_ATOM = re.compile(r"-?(?:[\d.,]++|[^\W\d_]++|\w)[′']*+|-?[^\W\d_](?:[_^]\w++)++|[√∛∜]\w++|\S")
_SUM_ABOVE = re.compile(r"[\s+\-−±=<>≤≥,;]")
_SUM_BELOW = re.compile(r"[+−=/ -]")
_ROOTS: Final = {"": "√", "2": "√", "3": "∛", "4": "∜"}
_ACCENTS: Final = {"̂": "̂", "^": "̂", "̃": "̃", "~": "̃", "̅": "̅", "¯": "̄", "→": "⃗", "⃗": "⃗", "̇": "̇", "̈": "̈", "": "̂"}


def equation(element: Element) -> str:
    """Return an equation as a line of text: `M=qL^2/8`, `√(a+b)`, `∑_(i=1)^n i`."""
    name = name_of(element)
    if name in _MATH:
        return _MATH[name](element)
    if name in ("t", "delText"):
        return (element.text or "") if name == "t" else ""
    if name.endswith("Pr") or name in ("del", "moveFrom", "phant"):
        return ""
    return "".join(map(equation, element))


def _part(element: Element, name: str) -> str:
    found = child(element, name)
    return equation(found).strip() if found is not None else ""


def grouped(text: str) -> str:
    """Return a part of an equation in parentheses, unless it reads as one without them."""
    whole = text.startswith("(") and text.endswith(")") and text.count("(") == 1
    return text if not text or whole or _ATOM.fullmatch(text) else f"({text})"


def _sign(element: Element, properties: str, name: str, default: str) -> str:
    found = child(element, properties, name)
    return attribute(found) if found is not None else default


def _fraction(element: Element) -> str:
    above, below = _part(element, "num"), _part(element, "den")
    if _sign(element, "fPr", "type", "bar") == "noBar":
        return f"{above} choose {below}"
    is_product = not _SUM_ABOVE.search(above)
    return f"{above if is_product else grouped(above)}/{grouped(below)}"


def _scripts(element: Element) -> str:
    base, below, above = (_part(element, name) for name in ("e", "sub", "sup"))
    below, above = below and f"_{grouped(below)}", above and f"^{grouped(above)}"
    if name_of(element) == "sPre":
        return f"{below}{above}{base}"
    return f"{grouped(base) if _SUM_BELOW.search(base) else base}{below}{above}"


def _root(element: Element) -> str:
    degree, inside = _part(element, "deg"), grouped(_part(element, "e"))
    return f"{_ROOTS[degree]}{inside}" if degree in _ROOTS else f"root_{grouped(degree)} {inside}"


def _nary(element: Element) -> str:
    below, above = _part(element, "sub"), _part(element, "sup")
    sign = _sign(element, "naryPr", "chr", "∫") + (below and f"_{grouped(below)}")
    return f"{sign}{above and f'^{grouped(above)}'} {_part(element, 'e')}"


def _delimited(element: Element) -> str:
    opening, closing = _sign(element, "dPr", "begChr", "("), _sign(element, "dPr", "endChr", ")")
    inside = _sign(element, "dPr", "sepChr", "|").join(
        equation(each).strip().removeprefix("[").removesuffix("]")
        if child(each, "m") is not None
        else equation(each).strip()
        for each in element
        if name_of(each) == "e"
    )
    return f"{opening}{inside}{closing}"


def _limit(element: Element) -> str:
    mark = "_" if name_of(element) == "limLow" else "^"
    return f"{_part(element, 'e')}{mark}{grouped(_part(element, 'lim'))}"


def _function(element: Element) -> str:
    return f"{_part(element, 'fName')} {_part(element, 'e')}"


def _matrix(element: Element) -> str:
    rows = (
        ", ".join(equation(cell).strip() for cell in row if name_of(cell) == "e")
        for row in element
        if name_of(row) == "mr"
    )
    return f"[{'; '.join(rows)}]"


def _lines(element: Element) -> str:
    return "; ".join(equation(each).strip() for each in element if name_of(each) == "e")


def _accent(element: Element) -> str:
    inside = _part(element, "e")
    sign = "̅" if name_of(element) == "bar" else _ACCENTS.get(_sign(element, "accPr", "chr", ""), "")
    return inside + sign if len(inside) == 1 else inside


_MATH: Final[dict[str, Callable[[Element], str]]] = {
    "f": _fraction, "sSup": _scripts, "sSub": _scripts, "sSubSup": _scripts, "sPre": _scripts, "rad": _root,
    "nary": _nary, "d": _delimited, "limLow": _limit, "limUpp": _limit, "func": _function, "m": _matrix,
    "eqArr": _lines, "acc": _accent, "bar": _accent,
}  # fmt: skip
