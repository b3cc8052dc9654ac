"""PPTX: a page for each slide, its title the heading, then text as the eye goes, tables, charts, diagrams and notes."""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from ingest.extract import Extract, Limits, RawFile, Unparsable
from ingest.parse.html.markup import Element
from ingest.parse.metadata import core_properties
from ingest.parse.office import ooxml
from ingest.parse.office.equations import equation
from ingest.parse.office.ooxml import Package, Relation, attribute, child, name_of, number_of, relation_id
from ingest.parse.office.word_styles import RAISED, RAISED_END, figure, raised
from ingest.parse.writer import ExtractWriter

_TITLES: Final = frozenset({"title", "ctrTitle"})
_RUNNING: Final = frozenset({"ftr", "dt", "hdr"})
_OUTLINES: Final = frozenset({"body", "obj", "subTitle", ""})
_FORMS: Final = {"arabic": "decimal", "alphaLc": "lowerLetter", "alphaUc": "upperLetter", "romanLc": "lowerRoman", "romanUc": "upperRoman"}  # fmt: skip
_AROUND: Final = {"Period": "{}.", "ParenR": "{})", "ParenBoth": "({})", "Plain": "{}"}
_AUTO = re.compile(r"(\w{1,20}?)(Period|ParenR|ParenBoth|Plain)")
_MARKED = re.compile(r" {0,16}(?:- |\(?\w{1,5}[.)] )")
_MAX_NESTING: Final = 8
_MOST_SORTED: Final = 200


def parse(source: RawFile, limits: Limits) -> Extract:
    """Read a presentation."""
    writer = ExtractWriter(limits)
    try:
        package = Package(source.data)
        part = next(iter(package.related("", "officeDocument")), "ppt/presentation.xml")
        root = package.xml(part, needed=True)
        if root is None:
            raise KeyError(part)
        relations = package.relations(part)
        listed = [relations.get(relation_id(each)) for each in root.iter("{*}sldId")]
        show = _Show(package, writer)
        for number, slide in enumerate(filter(None, listed), 1):
            writer.start_page()
            show.write(slide.target, number)
        show.tell()
        facts = core_properties(package.properties())
        package.tell_damage(writer)
    except (zipfile.BadZipFile, zlib.error, KeyError, ValueError) as error:
        raise Unparsable("corrupt", "The presentation is damaged; open it and save it again.") from error
    return writer.finish(
        source.media_type, title=facts.title, modified=facts.modified, metadata=facts.metadata
    )


class Place(NamedTuple):
    """Where a shape stands, in any unit."""

    left: int
    top: int
    right: int
    bottom: int


class Shape(NamedTuple):
    """A shape and its place."""

    element: Element
    place: Place


class _Show:
    """Writes slides one after the other, and what stands on many of them once."""

    def __init__(self, package: Package, writer: ExtractWriter) -> None:
        self._package, self._writer = package, writer
        self._relations: dict[str, Relation] = {}
        self._models: list[Element] = []
        self._running: set[str] = set()
        self._laid_out: set[str] = set()
        self._read: dict[str, Element | None] = {}
        self._comments = self._pictures = 0
        self._kinds: dict[str, Callable[[Element], None]] = {
            "sp": self._write_text_of, "pic": self._write_picture, "graphicFrame": self._write_frame, "contentPart": lambda _: None,
        }  # fmt: skip

    def write(self, part: str, number: int) -> None:
        """Write a slide, its notes, and once what its layout shows."""
        root = self._package.xml(part)
        if root is None:
            self._writer.finding(f"Slide {number} is missing from the file or damaged; it was not read.")
            return
        if attribute(root, "show") in ("0", "false"):
            self._writer.finding(f"Slide {number} is hidden in the presentation; its text was read.")
        layouts = self._layouts(part)
        self._models = [model for each in layouts if (model := self._layout(each)) is not None]
        self._relations = self._package.relations(part)
        shapes = list(self._shapes(child(root, "cSld", "spTree")))
        title = next(
            (each for each in shapes if _placeholder(each.element) in _TITLES and self._plain(each.element)),
            None,
        )
        self._writer.heading(self._plain(title.element) if title else f"Slide {number}", 1)
        self._write_shapes([each for each in shapes if each is not title])
        for relation in list(self._relations.values()):
            if relation.kind == "notesSlide":
                self._write_notes(relation.target)
            elif relation.kind == "comments":
                self._leave_comments(relation.target, number)
        for layout, model in zip(layouts, self._models, strict=False):
            if layout not in self._laid_out and attribute(root, "showMasterSp") not in ("0", "false"):
                self._laid_out.add(layout)
                self._write_layout(layout, model)

    def tell(self) -> None:
        """Say in findings what was left out of the whole."""
        if self._comments:
            self._writer.finding(f"Comments on slides are no part of them; {self._comments} were left out.")
        if self._pictures:
            self._writer.finding(ooxml.unread_pictures(self._pictures))

    def _layouts(self, part: str) -> list[str]:
        layouts = self._package.related(part, "slideLayout")[:1]
        return layouts + [name for each in layouts for name in self._package.related(each, "slideMaster")[:1]]

    def _layout(self, part: str) -> Element | None:
        if part not in self._read:
            self._read[part] = self._package.xml(part)
        return self._read[part]

    def _shapes(self, parent: Element | None) -> Iterator[Shape]:
        for each in parent if parent is not None else ():
            name = name_of(each)
            if name == "AlternateContent":
                yield from self._shapes(next(iter(each), None))
            elif name in self._kinds or name == "grpSp":
                if attribute(next(each.iter("{*}cNvPr"), None), "hidden") in ("1", "true"):
                    self._writer.leave_out("hidden text", _words(each))
                else:
                    yield Shape(each, self._place(each))

    def _write_shapes(self, shapes: list[Shape], depth: int = 0) -> None:
        for shape in in_reading_order(shapes):
            kind = _placeholder(shape.element)
            if name_of(shape.element) == "grpSp":
                if depth < _MAX_NESTING:
                    self._write_shapes(list(self._shapes(shape.element)), depth + 1)
            elif kind in _RUNNING:
                self._once(self._plain(shape.element))
            elif kind == "sldNum":
                self._writer.leave_out("page number", self._plain(shape.element))
            else:
                self._kinds[name_of(shape.element)](shape.element)

    def _once(self, text: str) -> None:
        if text in self._running:
            self._writer.leave_out("repeated line", text)
        elif text:
            self._running.add(text)
            self._writer.paragraph(text)

    def _place(self, element: Element) -> Place:
        for each in (element, *self._model_shapes(element)):
            frame = next((each.find(path) for path in _FRAMES if each.find(path) is not None), None)
            if frame is not None and (off := child(frame, "off")) is not None:
                size = child(frame, "ext")
                left, top = number_of(off, "x"), number_of(off, "y")
                return Place(left, top, left + number_of(size, "cx"), top + number_of(size, "cy"))
        return Place(0, 0, 0, 0)

    def _model_shapes(self, element: Element) -> Iterator[Element]:
        """Return the shapes of layout and master whose place a placeholder takes over."""
        own = next(element.iter("{*}ph"), None) if name_of(element) != "grpSp" else None
        if own is None:
            return
        kind, index = attribute(own, "type"), attribute(own, "idx")
        for at, model in enumerate(self._models):
            for other in model.iter("{*}ph"):
                there = attribute(other, "type")
                same = (
                    kind == there
                    or {kind, there} <= _TITLES
                    or (at and kind in _OUTLINES and there == "body")
                )
                if (index and attribute(other, "idx") == index and not at) or (same and (at or not index)):
                    yield from list(other.iterancestors("{*}sp", "{*}pic"))[:1]
                    break

    def _write_text_of(self, shape: Element) -> None:
        body = child(shape, "txBody")
        if body is None:
            return
        kind = next((attribute(each, "type") for each in shape.iter("{*}ph")), None)
        lines = [line for line in self._lines(body, is_outline=kind in _OUTLINES) if line.strip(" -")]
        if len(lines) == 1:
            self._writer.paragraph(lines[0].strip().removeprefix("- "))
        elif any(_MARKED.match(line) for line in lines):
            self._writer.block("list", "\n".join(lines))
        else:
            self._writer.block("paragraph", "\n".join(lines))

    def _lines(self, body: Element, *, is_outline: bool) -> Iterator[str]:
        counts: dict[int, tuple[str, int]] = {}
        for paragraph in (each for each in body if name_of(each) == "p"):
            properties = child(paragraph, "pPr")
            text = " ".join(self._text(paragraph).split())
            if not text:
                continue
            level = min(number_of(properties, "lvl"), 8)
            own = child(body, "lstStyle", f"lvl{level + 1}pPr")
            mark = (
                self._mark(properties, counts, level)
                or self._mark(own, counts, level)
                or ("-" if is_outline else "")
            )
            for deeper in [
                each
                for each in counts
                if each > level or (each == level and not mark[:1].isalnum() and mark[:1] != "(")
            ]:
                del counts[deeper]
            yield f"{'  ' * level}{mark} {text}" if mark else text

    def _mark(self, properties: Element | None, counts: dict[int, tuple[str, int]], level: int) -> str:
        auto, sign = child(properties, "buAutoNum"), child(properties, "buChar")
        if auto is not None and (match := _AUTO.fullmatch(attribute(auto, "type"))):
            kind, start = f"{match[0]} {attribute(auto, 'startAt')}", number_of(auto, "startAt") or 1
            count = counts[level][1] + 1 if counts.get(level, ("", 0))[0] == kind else start
            counts[level] = (kind, count)
            return _AROUND[match[2]].format(figure(count, _FORMS.get(match[1], "decimal")))
        if sign is not None:
            shown = ooxml.symbols(
                attribute(sign, "char"), attribute(child(properties, "buFont"), "typeface"), self._writer
            )
            return f"- {shown}" if shown and shown in "☒☐✓✗" else "-"
        return ""

    def _text(self, paragraph: Element) -> str:
        said = "".join(self._pieces(paragraph))
        return raised(said) if RAISED in said else said

    def _pieces(self, parent: Element) -> Iterator[str]:
        for each in parent:
            match name_of(each):
                case "r":
                    yield self._run(each)
                case "br":
                    yield "\n"
                case "fld" if attribute(each, "type") != "slidenum":
                    yield self._run(each)
                case "fld":
                    self._writer.leave_out("page number", _words(each))
                case "AlternateContent":
                    yield from self._pieces(next(iter(each), ()))
                case "m":  # around one equation or several
                    yield "".join(map(equation, each))

    def _run(self, run: Element) -> str:
        properties, text = child(run, "rPr"), getattr(child(run, "t"), "text", "") or ""
        if properties is None:
            return text
        for link in properties:
            if name_of(link) == "hlinkClick" and (found := self._relations.get(relation_id(link))):
                self._writer.link(found.target if found.is_external else "")
        if attribute(properties, "strike") in ("sngStrike", "dblStrike"):
            self._writer.leave_out("struck-through text", text)
            self._writer.finding("Text that is struck through was left out.")
            return ""
        fonts = (attribute(child(properties, name), "typeface") for name in ("sym", "latin"))
        for font in filter(None, fonts):
            text = ooxml.symbols(text, font, self._writer)
        return f"{RAISED}{text}{RAISED_END}" if number_of(properties, "baseline") > 0 else text

    def _plain(self, shape: Element) -> str:
        body = child(shape, "txBody")
        paragraphs = (each for each in body if name_of(each) == "p") if body is not None else ()
        return " ".join(" ".join(map(self._text, paragraphs)).split())

    def _write_picture(self, shape: Element) -> None:
        description = attribute(next(shape.iter("{*}cNvPr"), None), "descr")
        if any(name_of(each) in ("videoFile", "audioFile", "quickTimeFile") for each in shape.iter("{*}*")):
            self._writer.finding("A film or a sound stands on a slide; it was not read.")
        if said := ooxml.picture_line(description, self._writer):
            self._writer.paragraph(said)
        else:
            place = self._place(shape)
            self._pictures += (
                place.right - place.left >= ooxml.LARGE[0] and place.bottom - place.top >= ooxml.LARGE[1]
            )

    def _write_frame(self, frame: Element) -> None:
        """Write what is no shape: a table, a chart, a diagram, an embedded object."""
        data = child(frame, "graphic", "graphicData")
        for each in data if data is not None else ():
            match name_of(each):
                case "tbl":
                    self._write_table(each)
                case "chart" if (root := self._package.xml(self._target(each, "id"))) is not None:
                    ooxml.write_chart(root, self._writer)
                case "relIds" if (root := self._package.xml(self._target(each, "dm"))) is not None:
                    self._writer.block("list", "\n".join(ooxml.diagram_lines(root)))
                case _:
                    kinds = (attribute(inner, "progId") for inner in each.iter("{*}oleObj"))
                    said = next(filter(None, kinds), "of an unknown kind")
                    self._writer.finding(f"An embedded object ({said}) was not read.")

    def _target(self, element: Element, name: str) -> str:
        found = self._relations.get(relation_id(element, name))
        return found.target if found else ""

    def _write_table(self, table: Element) -> None:
        rows: list[list[str]] = []
        down = 1
        for row in table.iter("{*}tr"):
            cells: list[str] = []
            found = [each for each in row if name_of(each) == "tc"]
            alone = sum(attribute(each, "hMerge") not in ("1", "true") for each in found) == 1
            for cell in found:
                text = self._plain(cell)
                if attribute(cell, "vMerge") in ("1", "true"):
                    text = rows[-1][len(cells)] if rows and len(cells) < len(rows[-1]) else ""
                elif attribute(cell, "hMerge") in ("1", "true"):
                    # over the whole width it is a line of its own, and stands once
                    text = cells[-1] if cells and not alone else ""
                cells.append(text)
            if not rows and not alone and any(attribute(each, "gridSpan") for each in found):
                down = max((number_of(each, "rowSpan") for each in found), default=1)
            rows.append(cells)
        self._writer.table(rows, header_rows=min(max(down, 1), max(len(rows) - 1, 1)))

    def _write_notes(self, part: str) -> None:
        root = self._package.xml(part)
        lines: list[str] = []
        for shape in root.iter("{*}sp") if root is not None else ():
            kind = _placeholder(shape)
            if kind in _RUNNING:
                self._writer.leave_out("header or footer of notes", self._plain(shape))
            elif kind not in ("sldNum", "sldImg") and (body := child(shape, "txBody")) is not None:
                lines += self._lines(body, is_outline=False)
        if lines:
            self._writer.paragraph("Notes: " + "\n".join(lines))

    def _write_layout(self, part: str, model: Element) -> None:
        """Write what a layout shows on each of its slides; its placeholders only say what is to be typed there."""
        self._relations = self._package.relations(part)
        for shape in self._shapes(child(model, "cSld", "spTree")):
            for each in shape.element.iter("{*}sp"):
                if next(each.iter("{*}ph"), None) is None:
                    self._once(self._plain(each))

    def _leave_comments(self, part: str, number: int) -> None:
        root = self._package.xml(part)
        for comment in root if root is not None else ():
            self._comments += name_of(comment) == "cm"
            text = " ".join(each.text or "" for each in comment.iter("{*}text", "{*}t"))
            self._writer.leave_out("comment", text, f"slide {number}")


_FRAMES: Final = ("{*}spPr/{*}xfrm", "{*}grpSpPr/{*}xfrm", "{*}xfrm")


def _placeholder(shape: Element) -> str:
    if name_of(shape) == "grpSp":
        return ""
    return next((attribute(each, "type") for each in shape.iter("{*}ph")), "")


def _words(element: Element) -> str:
    return " ".join(each.text or "" for each in element.iter("{*}t"))


def in_reading_order(shapes: list[Shape]) -> list[Shape]:
    """Sort as the eye goes: part at the widest empty band, across or down, until nothing parts."""
    if len(shapes) < 2:
        return shapes
    ordered = sorted(shapes, key=lambda shape: (shape.place.top, shape.place.left))
    if len(shapes) > _MOST_SORTED:
        return ordered
    (down, at_down), (across, at_across) = _widest_gap(shapes, 1), _widest_gap(shapes, 0)
    if max(down, across) < 0:
        return ordered
    side, at = (1, at_down) if down >= across else (0, at_across)
    before = [shape for shape in ordered if shape.place[side] < at]
    after = [shape for shape in ordered if shape.place[side] >= at]
    return [*in_reading_order(before), *in_reading_order(after)]


def _widest_gap(shapes: list[Shape], side: int) -> tuple[int, int]:
    """Return the widest gap between shapes one way, and where it ends; -1 where there is none."""
    spans = sorted((shape.place[side], shape.place[side + 2]) for shape in shapes)
    best, end = (-1, 0), spans[0][1]
    for start, stop in spans[1:]:
        if start >= end and start > spans[0][0]:
            best = max(best, (start - end, start))
        end = max(end, stop)
    return best
