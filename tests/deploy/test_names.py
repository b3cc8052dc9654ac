"""Everything in deploy/ that Footnote is asked for exists: commands with their options, settings, addresses."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import pytest
import typer
import yaml

from app.cli import COMMANDS, build
from app.configuration import NO_SETTINGS, settings

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
CALLED: Final = re.compile(rf"(?:footnote|--rm service) ((?:{'|'.join(COMMANDS)})\b[^#`;|&\n]*)")


def yaml_files() -> list[Path]:
    return sorted(DEPLOY.glob("compose.yaml")) + sorted((DEPLOY / "kubernetes").rglob("*.yaml"))


def lists_of(found: Any, *names: str) -> Iterator[list[str]]:
    """Yield the lists under these names, wherever they stand."""
    if isinstance(found, dict):
        for name, value in found.items():
            if name in names and isinstance(value, list):
                yield value
            yield from lists_of(value, *names)
    elif isinstance(found, list):
        for each in found:
            yield from lists_of(each, *names)


def command_lines() -> dict[str, list[str]]:
    """Return what is called, by the file and the line: the arguments after `footnote`."""
    found = {}
    for path in yaml_files():
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8")):
            for arguments in lists_of(document, "args", "command"):
                if arguments[0] in {"postgres", "sh"}:  # other programs' images
                    continue
                found[f"{path.relative_to(DEPLOY)}: {shlex.join(arguments)}"] = arguments
    for path in [*(DEPLOY / "systemd").glob("*.service"), ROOT / "docs" / "deploy.md"]:
        for called in CALLED.findall(path.read_text(encoding="utf-8")):
            found[f"{path.name}: {called.strip()}"] = shlex.split(called)
    return found


LINES: Final = command_lines()


def test_there_are_commands_to_look_at() -> None:
    called = {arguments[0] for arguments in LINES.values()}
    assert {"serve", "worker", "ingest", "backup", "monitor", "index", "keys", "doctor"} <= called


@pytest.mark.parametrize("line", LINES)
def test_every_command_line_is_understood(line: str) -> None:
    arguments = LINES[line]
    command: click.Command = typer.main.get_command(build(arguments))
    context = None
    while isinstance(command, click.Group):
        context = command.make_context("footnote", list(arguments), parent=context)
        _, found, arguments = command.resolve_command(context, [*context._protected_args, *context.args])
        assert found is not None
        command = found
    command.make_context(command.name, list(arguments), parent=context)


def test_every_setting_exists() -> None:
    known = {name for setting in settings() for name in setting.names} | NO_SETTINGS
    named = {
        name: path.name
        for path in [*DEPLOY.rglob("*"), ROOT / "docs" / "deploy.md"]
        if path.is_file() and path.suffix != ".pyc"
        for name in re.findall(r"(?<![A-Z_])FOOTNOTE_[A-Z_]*[A-Z]", path.read_text(encoding="utf-8"))
    }
    # The images that compose runs are the operator's choice, and no setting of Footnote.
    assert {name: place for name, place in named.items() if name not in known} == {}
    assert "FOOTNOTE_STORE" in named


def test_probes_ask_for_what_the_service_answers() -> None:
    from app.http.routes.health import router

    answered = {route.path for route in router.routes} | {"/metrics"}
    texts = [path.read_text(encoding="utf-8") for path in [*yaml_files(), DEPLOY / "Containerfile"]]
    asked = {path for text in texts for path in re.findall(r"path: (/[a-z]+), port", text)}
    asked |= {
        path
        for text in texts
        for path in re.findall(r"127\.0\.0\.1:\{?[^/]*\}?(/(?:healthz|readyz|metrics))", text)
    }
    assert {"/healthz", "/readyz"} <= asked <= answered
