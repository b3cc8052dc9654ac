"""Optional packages: where one is missing, what brings it into the environment that is running."""

import shlex
import sys


def pip_install(*arguments: str) -> str:
    """Return the sentence that has this Python's own pip fetch the named packages.

    Footnote itself is never named: an extra of a distribution that pip does not find installed would be fetched
    from whoever holds its name.
    """
    return f"Run: {shlex.join([sys.executable, '-m', 'pip', 'install', *arguments])}"
