"""What of a page a reader sees: the styles that stand in the page, as a browser computes them, without its layout.

Text that is shown at some width, that a control of the page opens, or that only screen readers get (clipped to
nothing) is text. What lies far off the page, or has no size, colour or opacity of its own, is hidden.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from typing import Any, Final, NamedTuple, TypeAlias

from ingest.parse.html.markup import Element

_Color: TypeAlias = tuple[float, ...] | None
_TELLING = re.compile(
    r"display|visib|opacity|font|position|inset|indent|height|width|overflow|color|background|transform|margin|all",
    re.I,
)
_PLACES: Final = ("left", "top", "right", "bottom", "margin-left", "margin-top")
_SIZES: Final = ("height", "max-height", "width", "max-width")
_MOVES: Final = ("transition", "transition-property", "animation", "animation-name")
_ALONE: Final = frozenset(
    {"display", "visibility", "opacity", "font-size", "font", "text-indent", "transform", "filter", "content-visibility"}
)  # fmt: skip
_WITH: Final = frozenset({"position", "overflow", "overflow-y", "overflow-x", *_PLACES, *_SIZES, *_MOVES})
_INLINE: Final = frozenset(
    {"color", "background", "background-color", "background-image", "background-clip", "-webkit-background-clip"}
)  # fmt: skip
_READ: Final = _ALONE | _WITH | _INLINE
_PIXELS: Final = {
    "px": 1.0, "em": 16.0, "rem": 16.0, "ex": 8.0, "ch": 8.0, "pt": 4 / 3, "pc": 16.0, "in": 96.0, "cm": 37.8,
    "mm": 3.78, "vw": 12.8, "vh": 7.2, "%": 12.8, "": 1.0,
}  # fmt: skip
_BETWEEN = re.compile(r"[\s/]++")
_LENGTH = re.compile(r"\A([+-]?(?:\d++\.?+\d*+|\.\d++)(?:e[+-]?\d++)?)\s*+([a-z]*+|%)\Z")
_MOVED = re.compile(r"translate(?:x|y|3d)?\(\s*+(-\d[\d.]*+)(px|r?em|v[wh])")
_MOVED_SECOND = re.compile(r"translate(?:3d)?\([^,()]{0,40},\s*+(-\d[\d.]*+)(px|r?em|v[wh])")
_SCALED_AWAY = re.compile(r"scale(?:x|y|3d)?\(\s*+0*+(?:\.0++)?\s*+[,)]")
_FAR: Final = 1_000
_BEYOND: Final = 5_000
"""Pixels to the right or below: such text can be scrolled to, but nobody does."""
_WIDE: Final = 1_280
_MAX_SELECTORS: Final = 500
_MAX_STEPS: Final = 4
_HIDING_CLASSES: Final = frozenset({"hidden", "d-none"})
_SHOWN_AGAIN = re.compile(
    r"\A(?:[\w\[\]/-]+:!?|d-\w+-)(?:block|flex|grid|inline\S*|table\S*|contents|flow-root|list-item)\Z"
)
_NAMED = re.compile(r"[.#]((?:[\w-]|[^\x00-\x7f])++)")
_FUNCTION = re.compile(r":[\w-]++\([^()]*+(?:\([^()]*+\)[^()]*+)*+\)|\[[^\]]*+\]?+")
_EVERYWHERE: Final = frozenset({"", "screen", "all", "only screen"})
_OPENS: Final = ("aria-controls", "popovertarget", "commandfor", "data-target", "data-bs-target")
_OWN_WORD: Final = frozenset({"dialog", "button", "input", "select", "textarea", "mark"})
_OWN_COLOR: Final = frozenset({"button", "input", "select", "textarea", "mark"})


@dataclass(frozen=True, slots=True)
class Seen:
    """How the text directly inside an element is seen; what children inherit unless they say otherwise."""

    visible: bool = True
    sized: bool = True
    indented: bool = False
    color: _Color = None
    background: _Color = None
    placed: bool = False

    @property
    def readable(self) -> bool:
        """Say whether a reader sees the text."""
        if not self.visible or not self.sized or self.indented:
            return False
        if self.color is None:
            return True
        return self.color[3] > 0 and (self.background is None or not _alike(self.color, self.background))


class _Rule(NamedTuple):
    selector: str
    values: "Values"
    conditional: bool


class Value(NamedTuple):
    """What one declaration says."""

    text: str
    important: bool = False


Values: TypeAlias = dict[str, Value]


class Styles:
    """The styles of one page: its style elements and style attributes."""

    def __init__(self, root: Element) -> None:
        texts = ["".join(style.itertext()) for style in root.iter("style")]
        self._root = root
        links = root.xpath(".//link[contains(@rel, 'stylesheet')] | .//script[@src]")
        self._linked = bool(links)
        self._given = _applied(root, texts) if any(map(str.strip, texts)) else {}
        white = (1.0, 1.0, 1.0, 1.0)
        painted = bool(links) or any("background" in text for text in texts)
        self.first = Seen(background=None if painted else white)

    @cached_property
    def _opened(self) -> set[str]:
        """What controls of the page open, by their ids."""
        controls = self._root.xpath(f".//*[{' or '.join(f'@{name}' for name in _OPENS)}]")
        opened = [control.get(name) or "" for control in controls for name in _OPENS]
        return {name.lstrip("#") for value in opened for name in value.split()}

    def seen(self, element: Element, above: Seen) -> Seen | None:
        """Return how the element's own text is seen; None when nothing inside it is."""
        given = self._given.get(element)
        if given is None and element.tag not in _OWN_WORD and not element.keys():
            return above
        attribute = element.get("style")
        values = dict(given) if given else {}
        if attribute and _TELLING.search(attribute):
            for name, value in declarations(attribute).items():
                if name not in values or value.important or not values[name].important:
                    values[name] = value
        if self._is_gone(element, values, above):
            return None
        colored = element.tag in _OWN_COLOR or (above.color is not None and element.tag == "a")
        if not values and not colored and not element.get("bgcolor") and not element.get("color"):
            return above
        own = replace(above, **_inherited(values, above))
        return _colored(element, values, own, inline=attribute or "")

    def _is_gone(self, element: Element, values: Values, above: Seen) -> bool:
        gone = _hidden_by_default(element)
        if display := values.get("display"):
            gone = display.text == "none"
        elif not gone and self._linked:
            gone = _hidden_by_class(element.get("class") or "")
        gone = gone or (bool(values) and _is_nowhere(element, values, above))
        return gone and not (element.get("id") in self._opened or element.get("role") == "tabpanel")


def _hidden_by_default(element: Element) -> bool:
    hidden = element.get("hidden")
    if hidden is not None and hidden.lower() != "until-found":
        return True
    if element.tag == "dialog" and element.get("open") is None:
        return True
    return element.get("popover") is not None


def _hidden_by_class(names: str) -> bool:
    classes = names.split()
    return not _HIDING_CLASSES.isdisjoint(classes) and not any(map(_SHOWN_AGAIN.match, classes))


def _is_nowhere(element: Element, values: Values, above: Seen) -> bool:
    text = {name: value.text for name, value in values.items()}
    if text.get("content-visibility") == "hidden":
        return True
    moves = any(text.get(name, "none") not in ("none", "initial") for name in _MOVES)
    nothing = (
        _is_zero(text.get("opacity"))
        or _is_zero(text.get("filter", "").partition("opacity(")[2].rstrip(")"))
        or _SCALED_AWAY.search(text.get("transform", "")) is not None
    )
    cut = {text.get(name, "").split(" ")[0] for name in ("overflow", "overflow-x", "overflow-y")}
    nothing = nothing or (
        not cut.isdisjoint({"hidden", "clip"}) and any(_is_zero(text.get(name)) for name in _SIZES)
    )
    # what moves is opened by the page itself: a panel that unfolds, a text that fades in
    return (nothing and not moves) or _is_off(element, text, above)


def _is_off(element: Element, text: dict[str, str], above: Seen) -> bool:
    place: dict[str, float] = {name: pixels(text[name]) or 0.0 for name in _PLACES if name in text}
    for moved in (_MOVED, _MOVED_SECOND):
        if match := moved.search(text.get("transform", "")):
            place[match.re.pattern] = pixels(match[1] + match[2]) or 0.0
    if text.get("position", "static") == "static":
        place = {name: value for name, value in place.items() if name not in _PLACES[:4]}
    if not place:
        return False
    if any(value <= -_FAR for name, value in place.items() if name not in ("right", "bottom")):
        return True
    if any(abs(value) >= _BEYOND for value in place.values()):
        return True
    if text.get("position") not in ("absolute", "fixed") or above.placed:
        return False
    left, top = -place.get("left", 0.0), -place.get("top", 0.0)
    if max(left, top) < 30:
        return False
    length = len("".join(element.itertext()).strip()) * 7.0
    return left > min(length, _WIDE) or top > 20 * (2 + length // _WIDE)


def _inherited(values: Values, above: Seen) -> dict[str, Any]:
    changed: dict[str, Any] = {}
    if (value := values.get("visibility")) and value.text not in ("inherit", "unset"):
        changed["visible"] = value.text not in ("hidden", "collapse")
    if size := values.get("font-size") or values.get("font"):
        changed["sized"] = _sized(size.text, above.sized)
    if indent := values.get("text-indent"):
        changed["indented"] = (pixels(indent.text) or 0.0) <= -_FAR
    if values.get("position", Value("static")).text != "static":
        changed["placed"] = True
    return changed


def _sized(text: str, above: bool) -> bool:
    for part in _BETWEEN.split(text):
        match = _LENGTH.match(part)
        if match and (match[2] or float(match[1]) == 0):
            relative = match[2] in ("em", "%", "ex", "ch")
            return float(match[1]) != 0 and (above or not relative)
    return above if text in ("inherit", "unset", "larger", "smaller") else True


def _colored(element: Element, values: Values, own: Seen, *, inline: str) -> Seen:
    """Compare only what is given at the element or above it by attribute: a stylesheet may paint what is behind."""
    color, background = own.color, own.background
    if element.tag in _OWN_COLOR or (element.tag == "a" and element.get("href") is not None):
        color = None
    if element.tag in _OWN_COLOR:
        background = None
    given = declarations(inline) if inline else {}
    if text := element.get("color"):
        color = _color(text)
    if text := element.get("bgcolor"):
        background = _color(text)
    if "color" in values:
        color = _color(given["color"].text) if "color" in given else None
    for name in ("background", "background-color", "background-image"):
        if name not in values or values[name].text in ("none", "transparent", "inherit"):
            continue
        background = _background(given[name].text) if name in given else None
    if any(
        "text" in values[name].text
        for name in ("background-clip", "-webkit-background-clip")
        if name in values
    ):
        color = None
    if (color, background) == (own.color, own.background):
        return own
    return replace(own, color=color, background=background)


def _background(text: str) -> _Color:
    if "url(" in text or "gradient" in text:
        return None
    return _color(text) or next(filter(None, map(_color, text.split(" "))), None)


@lru_cache(maxsize=1_000)
def _color(text: str) -> _Color:
    from tinycss2.color3 import parse_color

    found = parse_color(text)
    return tuple(found) if isinstance(found, tuple) else None


def _alike(one: tuple[float, ...], other: tuple[float, ...]) -> bool:
    return all(abs(first - second) <= 0.02 for first, second in zip(one[:3], other[:3], strict=True))


def pixels(text: str) -> float | None:
    """Return a length in pixels of an ordinary screen; None for what is no plain length."""
    match = _LENGTH.match(text)
    return float(match[1]) * _PIXELS.get(match[2], 1.0) if match else None


def _is_zero(text: str | None) -> bool:
    length = pixels(text) if text else None
    return length is not None and length <= 0


@lru_cache(maxsize=4_096)
def declarations(style: str) -> Values:
    """Return what a style attribute says, of the properties that can hide text."""
    from tinycss2 import parse_blocks_contents

    return _values(parse_blocks_contents(style, skip_comments=True, skip_whitespace=True))


def _values(nodes: Iterable[Any]) -> Values:
    from tinycss2 import serialize

    values: Values = {}
    for node in nodes:
        if node.type != "declaration" or node.lower_name not in _READ:
            continue
        if node.lower_name in values and values[node.lower_name].important and not node.important:
            continue
        parts = [part for part in node.value if part.type != "comment"]
        values[node.lower_name] = Value(" ".join(serialize(parts).lower().split()), node.important)
    return values


def _hides(name: str, text: str) -> bool:
    """Say whether the declaration alone may hide what it applies to."""
    match name:
        case "display":
            return text == "none"
        case "visibility":
            return text in ("hidden", "collapse")
        case "opacity" | "height" | "max-height" | "width" | "max-width":
            return _is_zero(text)
        case "font-size" | "font":
            return not _sized(text, above=True)
        case "content-visibility":
            return text == "hidden"
        case "transform" | "filter":
            return "scale" in text or "translate" in text or "opacity" in text
        case _:
            return (name in _PLACES or name == "text-indent") and abs(pixels(text) or 0) >= 30


def _applied(root: Element, sheets: Iterable[str]) -> dict[Element, Values]:
    """Return what the stylesheets say of each element that they may hide or show."""
    from cssselect import HTMLTranslator, SelectorError, parse
    from lxml import etree

    names = {name for value in root.xpath("//@class") for name in value.split()} | set(root.xpath("//@id"))
    rules = [rule for sheet in sheets for rule in _rules(sheet) if _may_match(rule.selector, names)]
    hiding = {name for rule in rules if not rule.conditional for name in rule.values if _hides(name, rule.values[name].text)}  # fmt: skip
    if not hiding:
        return {}
    wanted = hiding | _WITH | {"font", "font-size"}
    ranked: list[tuple[tuple[int, int, int], int, Any, Values]] = []
    translator = HTMLTranslator()
    for order, rule in enumerate(rules):
        values = {
            name: value
            for name, value in rule.values.items()
            if name in wanted and not (rule.conditional and _hides(name, value.text))
        }
        if not values or len(ranked) > _MAX_SELECTORS or rule.selector.count("*") > _MAX_STEPS:
            continue
        try:
            for selector in parse(rule.selector):
                if selector.pseudo_element is None and str(selector.canonical()).count(" ") <= _MAX_STEPS * 2:
                    path = etree.XPath(translator.selector_to_xpath(selector))
                    ranked.append((selector.specificity(), order, path, values))
        except (SelectorError, etree.XPathSyntaxError):
            continue  # what cannot be matched hides nothing
    given: dict[Element, Values] = {}
    for _, _, path, values in sorted(ranked, key=lambda rule: rule[:2]):
        for element in path(root):
            own = given.setdefault(element, {})
            own.update({name: value for name, value in values.items() if value.important or not own.get(name, value).important})  # fmt: skip
    return given


def _rules(sheet: str) -> Iterator[_Rule]:
    from tinycss2 import parse_stylesheet

    yield from _nested(
        parse_stylesheet(sheet, skip_comments=True, skip_whitespace=True), conditional=False, depth=0
    )


def _nested(nodes: Iterable[Any], *, conditional: bool, depth: int) -> Iterator[_Rule]:
    from tinycss2 import parse_blocks_contents, parse_rule_list, serialize

    for node in nodes:
        if node.type == "qualified-rule":
            values = _values(parse_blocks_contents(node.content, skip_comments=True, skip_whitespace=True))
            if values:
                yield _Rule(serialize(node.prelude).strip(), values, conditional)
        elif node.type == "at-rule" and node.content and depth < 10:
            kind, said = node.lower_at_keyword, " ".join(serialize(node.prelude).lower().split())
            if kind not in ("media", "supports", "layer", "container"):
                continue
            if kind == "media" and "print" in said and "screen" not in said:
                continue
            narrowed = conditional or kind == "container" or (kind == "media" and said not in _EVERYWHERE)
            inner = parse_rule_list(node.content, skip_comments=True, skip_whitespace=True)
            yield from _nested(inner, conditional=narrowed, depth=depth + 1)


def _may_match(selector: str, names: set[str]) -> bool:
    """Say whether the classes and ids of one of the selectors stand in the page at all."""
    bare = _FUNCTION.sub("", selector)
    return any(all(name in names for name in _NAMED.findall(one)) for one in bare.split(","))
