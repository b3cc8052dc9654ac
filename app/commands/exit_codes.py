"""How errors leave the command line: one sentence on standard error, and an exit code."""

import errno
import logging

import typer

from app.answer.answerer import ModelFailure
from vectorstore.errors import Busy, FootnoteError, Unavailable
from vectorstore.printable import printable

FINDINGS = 1
USAGE = 2
UNAVAILABLE = 3
BUSY = 75
"""EX_TEMPFAIL of sysexits.h: trying again later helps."""

logger = logging.getLogger(__name__)


def report(error: Exception, *, debug: bool) -> int:
    """Say what happened and what to do; return the exit code. Only `debug` shows a traceback."""
    if debug:
        logger.error("Failed", exc_info=error)
    if isinstance(error, FootnoteError):
        typer.echo(printable(f"Error: {error.what}"), err=True)
        if error.hint:
            typer.echo(printable(f"  {error.hint}"), err=True)
        return exit_code(error)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        typer.echo("Error: the disk is full.", err=True)
        typer.echo("  Make room on it, and run it again.", err=True)
        return UNAVAILABLE
    if isinstance(error, OSError) and (path := error.filename2 or error.filename):
        typer.echo(f"Error: {str(path)!r} cannot be used ({error.strerror}).", err=True)
        typer.echo("  Check the path, its owner, and the space on its disk.", err=True)
        return USAGE
    typer.echo(
        printable(f"Error: something unexpected went wrong ({type(error).__name__}: {error})."), err=True
    )
    typer.echo(
        "  Run it again with --debug for details, or `footnote doctor` to check the installation.", err=True
    )
    return USAGE


def exit_code(error: FootnoteError) -> int:
    """Return the exit code that stands for an error."""
    match error:
        case Busy():
            return BUSY
        case ModelFailure() | Unavailable():
            return UNAVAILABLE
    return USAGE
