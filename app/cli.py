"""The `footnote` command: a table of subcommands, each loaded only when it is called."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module
from typing import Final, NamedTuple

import typer

from app import __version__


class Entry(NamedTuple):
    """Where a subcommand lives (`module:function` or `module:typer app`) and its line in the help."""

    target: str
    help: str


COMMANDS: Final[dict[str, Entry]] = {
    "ingest": Entry("ingest.cli:ingest_command", "Add documents to the index."),
    "worker": Entry("app.commands.worker:worker", "Read the documents that wait in the queue."),
    "events": Entry("app.commands.worker:events", "Queue what a stream of events tells of."),
    "jobs": Entry("app.commands.jobs:app", "List, show, retry and cancel what waits in the queue."),
    "search": Entry("app.commands.search:search", "Show the passages found for a question."),
    "ask": Entry("app.commands.ask:ask", "Answer a question in the terminal, with numbered sources."),
    "serve": Entry("app.commands.serve:serve", "Run the service."),
    "demo": Entry("app.commands.demo:demo", "Ingest the sample handbook and serve it."),
    "docs": Entry(
        "app.commands.docs:app", "List, show, remove and erase documents, and what is to be known of them."
    ),
    "access": Entry("app.commands.access:app", "Say who may read a document, and whether somebody may."),
    "index": Entry("app.commands.index:app", "Inspect, verify, roll back, compact, move the index."),
    "backup": Entry("app.commands.backup:backup", "Back everything up, into a folder or an object store."),
    "restore": Entry("app.commands.backup:restore", "Put a backup back, whole or not at all."),
    "backups": Entry("app.commands.backup:app", "List, verify, try out and prune the backups."),
    "people": Entry("app.commands.people:app", "Export, erase and hold what is kept of a person."),
    "forget": Entry("app.commands.people:forget", "Erase old conversations."),
    "variants": Entry(
        "app.commands.variants:app",
        "Try another model, prompt or search on a share of users; promote, roll back.",
    ),
    "keys": Entry("app.commands.keys:app", "Create, list and revoke API keys."),
    "audit": Entry(
        "app.commands.audit:app", "Verify, show and export the log of who asked and changed what."
    ),
    "mcp": Entry("app.commands.serve:mcp", "Offer the documents to a desktop assistant over MCP."),
    "eval": Entry("eval.commands:app", "Score answers against a set of questions."),
    "monitor": Entry(
        "eval.commands.monitor:monitor_command", "Say what stands out in what people asked lately."
    ),
    "doctor": Entry("app.commands.doctor:doctor", "Check the installation and say what to do."),
    "config": Entry("app.commands.config:config_app", "Show the settings and where each comes from."),
}

UNTOLD: Final = frozenset(
    {
        "config show", "doctor", "serve", "demo", "mcp", "keys ls", "audit verify", "audit head",
        "index info", "index verify", "index generations", "index diff", "restore", "backups ls", "backups verify",
        "backups drill", "index backup", "index restore", "variants show",
    }
)  # fmt: skip
"""Commands that the audit log says nothing of: they show nothing of documents or people, or write of themselves.

`restore` does so when the log is back that it is to be written in; the two of `index` only say where they went."""

_TELL_OF_SETTINGS: Final = {"config", "doctor"}
"""They say themselves which setting is wrong, beside all others."""

EXIT_CODES = """\b
Exit codes: 0 done · 1 done, with findings · 2 usage, configuration or input ·
3 something needed is down (try again) · 75 the index is busy · 130 interrupted

Every command takes --no-color, and --debug for details of an error."""


def main() -> None:
    """Run the command line; every error leaves as one clear sentence and an exit code."""
    arguments = sys.argv[1:]
    debug, plain = "--debug" in arguments, "--no-color" in arguments
    arguments = [argument for argument in arguments if argument not in {"--debug", "--no-color"}]
    if plain:
        os.environ["NO_COLOR"] = "1"
    # Products of small matrices: threads that wait for each other take ten times the processor time of the sums.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        application = build(arguments)
        if (called := _called(arguments)) and called not in _TELL_OF_SETTINGS and "--help" not in arguments:
            from app.configuration import check

            for passed_over in check():
                typer.echo(passed_over, err=True)
        with _written_down(arguments):
            application(args=arguments, prog_name="footnote")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:  # noqa: BLE001 - the command line's edge: no traceback reaches a user
        from app.commands.exit_codes import report

        sys.exit(report(error, debug=debug))


def _written_down(arguments: list[str]) -> AbstractContextManager[None]:
    """Have the command that is called written into the audit log, before it begins and when it has ended."""
    called = _called(arguments)
    if called not in COMMANDS or not {"--help", "-h"}.isdisjoint(arguments):
        return nullcontext()
    named = called, _called(arguments[arguments.index(called) + 1 :])
    name = next((each for each in names_of(called) if each in {called, " ".join(filter(None, named))}), None)
    if name is None or name in UNTOLD:
        return nullcontext()
    from app.commands.audit import written_down

    return written_down(name)


def names_of(called: str) -> list[str]:
    """Return the names under which an entry of the table is called: its own, or one for each command that it holds."""
    loaded = load(COMMANDS[called].target)
    if not isinstance(loaded, typer.Typer):
        return [called]
    held = (each.name or getattr(each.callback, "__name__", "") for each in loaded.registered_commands)
    return [f"{called} {name.replace('_', '-')}" for name in held]


def _called(arguments: list[str]) -> str | None:
    return next((argument for argument in arguments if not argument.startswith("-")), None)


def build(arguments: list[str]) -> typer.Typer:
    """Build the application with the called subcommand loaded and the others as one line of help each."""
    called = _called(arguments)
    application = typer.Typer(
        no_args_is_help=True, pretty_exceptions_enable=False, epilog=EXIT_CODES, add_completion=True
    )
    application.callback()(_root)
    for name, entry in COMMANDS.items():
        loaded = load(entry.target) if name == called else _unloaded
        if isinstance(loaded, typer.Typer):
            application.add_typer(loaded, name=name, help=entry.help)
        else:
            application.command(name, help=None if name == called else entry.help)(loaded)
    return application


def load(target: str) -> typer.Typer | Callable[..., None]:
    """Import `module:name`."""
    module, _, name = target.partition(":")
    loaded: typer.Typer | Callable[..., None] = getattr(import_module(module), name)
    return loaded


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"footnote {__version__}")
        raise typer.Exit


def _root(
    # A callback of its own: the command's body is not reached where no subcommand is named.
    version: bool = typer.Option(
        False, "--version", callback=_version, help="Show the version and exit.", is_eager=True
    ),
) -> None:
    """Answers from your own documents, every sentence with its footnote."""


def _unloaded() -> None:
    """Stand in for a subcommand that was not called."""
