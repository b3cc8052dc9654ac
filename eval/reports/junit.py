"""JUnit XML, which every CI system shows: one test case per gate, one per case."""

import re
from pathlib import Path
from xml.etree import ElementTree as Xml

from eval.compare import Change
from eval.reports.worst import shortcomings
from eval.row import Row
from eval.run import Evaluation
from eval.summary import counted
from eval.verdict import Exit, Judgement

_CONTROL = re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write_junit(found: Evaluation, judgement: Judgement, path: Path) -> None:
    """Write the file. Cases fail here only when they fail the run; the others' shortcomings are their output."""
    suites = Xml.Element("testsuites", name="footnote eval")
    _gates(Xml.SubElement(suites, "testsuite", name="gates"), judgement)
    cases = Xml.SubElement(suites, "testsuite", name="cases")
    broken: dict[str, list[str]] = {}
    for flip in judgement.comparison.broken if judgement.comparison else ():
        broken.setdefault(flip.id, []).append(flip.check)
    for row in found.rows:
        _case(
            Xml.SubElement(cases, "testcase", classname="cases", name=_plain(row.id)), row, broken.get(row.id)
        )
    for suite in suites:
        suite.set("tests", str(len(suite)))
        for kind in ("failure", "error"):
            suite.set(f"{kind}s", str(sum(case.find(kind) is not None for case in suite)))
    Xml.indent(suites)
    Xml.ElementTree(suites).write(path, encoding="utf-8", xml_declaration=True)


def _gates(suite: Xml.Element, judgement: Judgement) -> None:
    def add(name: str, says: str, *, passed: bool, kind: str = "failure") -> None:
        case = Xml.SubElement(suite, "testcase", classname="gates", name=_plain(name))
        if not passed:
            Xml.SubElement(case, kind, message=_plain(says)).text = _plain("\n".join(judgement.causes))

    for verdict in judgement.thresholds:
        add(verdict.gate, verdict.says, passed=verdict.passed)
    for change in judgement.comparison.changes if judgement.comparison else ():
        if change.gated:
            add(f"{change.metric} against the baseline", _says(change), passed=change.status != "fail")
    if judgement.comparison is not None:
        count = len({flip.id for flip in judgement.comparison.broken})
        add("checks against the baseline", f"a check newly fails in {counted(count)}", passed=not count)
    if judgement.exit in (Exit.INCOMPLETE, Exit.NO_BASELINE):
        add("evaluation", judgement.headline, passed=False, kind="error")


def _case(case: Xml.Element, row: Row, broken: list[str] | None) -> None:
    if row.error:
        Xml.SubElement(case, "error", message=_plain(row.error))
    elif broken:
        Xml.SubElement(case, "failure", message=f"newly fails {', '.join(broken)}").text = _plain(
            f"{row.question}\n\n{row.answer}"
        )
    lacks = ", ".join(f"{name} {value:.2f}" for name, value in shortcomings(row).items())
    if lacks:
        Xml.SubElement(case, "system-out").text = f"lacks: {lacks}"


def _says(change: Change) -> str:
    return f"{change.before:.3f} → {change.after:.3f}, p = {change.p:.4f}"


def _plain(text: str) -> str:
    return _CONTROL.sub("\ufffd", text)
