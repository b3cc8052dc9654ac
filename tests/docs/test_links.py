"""What the pages of the repository link to, and the modules and tests that they name, are there."""

import re
from importlib.util import find_spec
from pathlib import Path

from tests.test_distribution import ROOT, tracked

_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MODULE = re.compile(r"(?:^|[\s`])((?:benchmarks|tests)(?:\.[a-z_]+)+)(?![\w/])")
_FILE = re.compile(
    r"(?<![\w/.-])(tests/[\w./-]*\w|(?:app|benchmarks|eval|ingest|prompts|vectorstore)/[\w./-]*\.py)\b"
)
_HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)


def prose(path: Path) -> str:
    return _FENCED.sub("", path.read_text(encoding="utf-8"))


def anchors(path: Path) -> set[str]:
    """The names of headings, as the usual Markdown sites make them."""
    return {
        re.sub(r"[^\w -]", "", heading.lower()).strip().replace(" ", "-")
        for heading in _HEADING.findall(prose(path))
    }


def test_every_link_leads_to_a_file_and_a_heading() -> None:
    lost = []
    for path in tracked():
        for link in _LINK.findall(prose(path)) if path.suffix == ".md" else ():
            file, _, anchor = link.partition("#")
            target = (path.parent / file).resolve() if file else path
            if "://" in link or link.startswith("mailto:"):
                continue
            if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
                lost.append(f"{path.relative_to(ROOT)}: {link}")
    assert not lost, "\n".join(lost)


def test_every_module_and_file_of_the_repository_that_a_page_names_exists() -> None:
    lost = []
    for path in tracked():
        if path.suffix != ".md" or path == ROOT / "CHANGELOG.md" or "sample" in path.parts:
            continue
        text = path.read_text(encoding="utf-8")
        lost += [f"{path.name}: {name}" for name in set(_FILE.findall(text)) if not (ROOT / name).exists()]
        lost += [f"{path.name}: {name}" for name in set(_MODULE.findall(text)) if not _exists(name)]
    assert not lost, "\n".join(lost)


def _exists(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False
