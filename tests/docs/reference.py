"""Write docs/reference.md, .env.example and the table of metrics from the code: `python -m tests.docs.reference`."""

import re
from collections.abc import Iterator
from pathlib import Path

import typer
from typer.cli import get_docs_for_click
from typer.main import get_command

from app.cli import COMMANDS, build
from app.configuration import env_example, settings
from vectorstore.telemetry.names import METRICS, OPEN, PROCESS, VALUES, Metric

ROOT = Path(__file__).parents[2]
PAGE, EXAMPLE = ROOT / "docs" / "reference.md", ROOT / ".env.example"
MEASURED = ROOT / "docs" / "logs-and-metrics.md"
_TABLE = re.compile(r"(<!-- metrics: [^\n]*-->\n).*?(<!-- end -->)", re.DOTALL)
_HEAD = """# Commands and settings

<!-- Written by `python -m tests.docs.reference` from the commands and the settings: change those, not this page. -->

"""
_SETTINGS = """## Settings

A flag of a command is over a [promoted variant](variants.md), that over the environment, that over `.env`, that over the files of the folder that `FOOTNOTE_SECRETS_DIR` names (each called like a setting, and holding its value), that over `footnote.toml` (where a setting has its name in small letters, without `FOOTNOTE_`), that over the default. `footnote config show --origin` says what holds and where it comes from.

| variable | default | meaning |
|---|---|---|
"""
_SAID_BY_ALL = re.compile(
    r"^\*\*Options\*\*:\n\n\* `--help`.*\n|^\* `--help`.*\n|^\*\*Commands\*\*:\n\n(?:\* `.*\n)+", re.MULTILINE
)
"""The one option that every command has, and a group's commands in half sentences, which follow it whole."""
_BLANK = re.compile(r"\n{3,}")


def commands() -> Iterator[tuple[str, typer.Context, typer.core.TyperCommand]]:
    """Every first command with its context, in the order of the help."""
    for name in COMMANDS:
        root = get_command(build([name]))
        context = typer.Context(root, info_name="footnote")
        yield name, context, root.get_command(context, name)  # type: ignore[attr-defined]


def page() -> str:
    """The page as it has to be."""
    told = [
        get_docs_for_click(obj=command, ctx=context, indent=1, call_prefix="footnote")
        for _, context, command in commands()
    ]
    text = _SAID_BY_ALL.sub("", "\n".join(told))
    return _HEAD + _BLANK.sub("\n\n", text).strip() + "\n\n" + _SETTINGS + "\n".join(_rows()) + "\n"


def _rows() -> Iterator[str]:
    for each in settings():
        names = " or ".join(f"`{name}`" for name in each.names)
        default = f"`{each.default}`" if each.default else ""
        meaning = each.description.replace("|", r"\|").replace("*", r"\*")
        yield f"| {names} | {default} | {meaning} |"


def measured() -> str:
    """The page of logs and metrics with its table as it has to be."""
    rows = ["| metric | kind | labels | meaning |", "|---|---|---|---|"]
    rows += [f"| `{each.name}` | {each.kind} | {_labels(each)} | {each.help} |" for each in METRICS]
    rows += [f"| `{name}` | of the process | | |" for name in PROCESS]
    table = "\n".join(rows)
    return _TABLE.sub(lambda found: f"{found[1]}{table}\n{found[2]}", MEASURED.read_text(encoding="utf-8"))


def _labels(metric: Metric) -> str:
    told = []
    for label in metric.labels:
        values = ", ".join(VALUES[label]) if label in VALUES else f"{OPEN[label]} at most"
        told.append(f"`{label}`: {values}")
    return "; ".join(told)


if __name__ == "__main__":
    MEASURED.write_text(measured(), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")
    EXAMPLE.write_text(env_example(), encoding="utf-8")
