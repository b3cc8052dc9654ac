"""`footnote eval`: score answers, in CI or by hand. Each command has a file of its own."""

import typer

from eval.commands.calibrate import calibrate
from eval.commands.compare import compare
from eval.commands.generate import generate, review
from eval.commands.harvest import harvest
from eval.commands.run import run

app = typer.Typer(no_args_is_help=True)

EXIT_CODES = """\b
Exit codes: 0 every gate holds · 1 a gate failed · 2 usage, settings or data ·
3 cases broke · 4 baseline missing or not comparable · 5 no cases"""


@app.callback()
def evaluation() -> None:
    """Score answers against a set of questions."""


app.command(epilog=EXIT_CODES)(run)
app.command(epilog=EXIT_CODES)(compare)
app.command(epilog=EXIT_CODES)(calibrate)
app.command(epilog=EXIT_CODES)(generate)
app.command(epilog=EXIT_CODES)(review)
app.command(epilog=EXIT_CODES)(harvest)
