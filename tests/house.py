"""Count the house: files, arrows, long functions.

    python -m tests.house                     # the working tree
    python -m tests.house --against REVISION  # beside what was committed then

An arrow is a module that imports another; a room is a file or folder at the top of a package.
"""

import argparse
import ast
import io
import subprocess
import tarfile
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("app", "ingest", "vectorstore", "eval", "prompts", "footnote")
LARGE = PACKAGES[:4]
LONG_FUNCTION, LONG_FILE, CRUMB = 60, 400, 80
"""In lines; a crumb is a file shorter than that which only one other imports."""


class House:
    """The product's modules below `root`."""

    def __init__(self, root: Path = ROOT) -> None:
        """Parse all of them."""
        paths = [path for package in PACKAGES for path in sorted((root / package).rglob("*.py"))]
        texts = {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in paths}
        self.lines = {path: len(text.splitlines()) for path, text in texts.items()}
        trees = {_dotted(path): ast.parse(text) for path, text in texts.items()}
        nodes = [(name, node) for name, tree in trees.items() for node in ast.walk(tree)]
        self.long_functions = {
            f"{name}.{node.name}": lines
            for name, node in nodes
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
            and (lines := (node.end_lineno or 0) - node.lineno + 1) > LONG_FUNCTION
        }
        known = frozenset(trees)
        arrows = {(name, _module(asked, known)) for name, node in nodes for asked in _asked(node)}
        self.arrows = {(name, found) for name, found in arrows if found and found != name}

    def crumbs(self) -> list[str]:
        """Return the files under CRUMB lines with exactly one importer."""
        importers = Counter(imported for _, imported in self.arrows)
        short = (path for path, n in self.lines.items() if n < CRUMB and not path.endswith("/__init__.py"))
        return [path for path in short if importers[_dotted(path)] == 1]

    def top(self, package: str) -> int:
        """Return how many files lie at the top of a package."""
        return sum(path.rpartition("/")[0] == package for path in self.lines)

    def figures(self) -> dict[str, int]:
        """Return every count by what it counts."""
        counted = {"files": len(self.lines), "lines": sum(self.lines.values())}
        counted |= {f"files at the top of {package}": self.top(package) for package in LARGE}
        for package in LARGE:
            inside = [arrow for arrow in self.arrows if {_rooms(name)[0] for name in arrow} == {package}]
            rooms = {(_rooms(a), _rooms(b)) for a, b in inside if _rooms(a) != _rooms(b)}
            counted |= {f"arrows in {package}": len(inside), f"arrows in {package}, room to room": len(rooms)}
        counted["arrows between packages"] = sum(_rooms(a)[0] != _rooms(b)[0] for a, b in self.arrows)
        counted[f"functions over {LONG_FUNCTION} lines"] = len(self.long_functions)
        counted[f"files over {LONG_FILE} lines"] = sum(lines > LONG_FILE for lines in self.lines.values())
        return counted | {f"files under {CRUMB} lines with one importer": len(self.crumbs())}


def _dotted(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _rooms(name: str) -> tuple[str, ...]:
    return tuple(name.split(".")[:2])


def _asked(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _module(name: str, known: frozenset[str]) -> str:
    """Return the module that an imported name is or lies in, "" where it is not ours."""
    while name and name not in known:
        name = name.rpartition(".")[0]
    return name


def counted_at(revision: str) -> dict[str, int]:
    """Return the counts of what was committed."""
    names = subprocess.check_output(["git", "ls-tree", "--name-only", revision], cwd=ROOT, text=True).split()
    archive = ["git", "archive", revision, *(name for name in names if name in PACKAGES)]
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(fileobj=io.BytesIO(subprocess.check_output(archive, cwd=ROOT))) as packed:
            packed.extractall(folder, filter="data")
        return House(Path(folder)).figures()


def main() -> None:
    """Print the counts, and which functions and files they mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", metavar="REVISION", help="count a git revision too")
    against = parser.parse_args().against
    house = House()
    before = counted_at(against) if against else {}
    for name, count in house.figures().items():
        print(f"{name:42}" + (f"{before[name]:8} →" if before else "") + f"{count:8}")
    long = (f"long function: {name}, {lines} lines" for name, lines in house.long_functions.items())
    crumbs = (f"one importer: {path}, {house.lines[path]} lines" for path in house.crumbs())
    print(*long, *crumbs, sep="\n")


if __name__ == "__main__":
    main()
