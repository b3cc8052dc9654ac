"""The one error family: what happened, and what to do about it.

FootnoteError
├── BadInput              the caller gave something that cannot be used
│   └── NotFound          a document, run, generation or path that is not there
├── NotAllowed            no key, a wrong key, or a key without the right
├── Busy                  another writer holds the index, or every slot is taken
│   └── QueueFull         a tenant has as many documents waiting as it may
├── LostLease             a job is not its worker's any more
├── EmbedderMismatch      the index was made by another embedder
├── StoreDamaged          the truth itself fails its check
└── Unavailable           something this needs is down or missing (a model server, an extra)

Inner rooms raise these; `app/problems.py` maps them to HTTP, the command line to exit codes.
"""

import shlex
import sys


class FootnoteError(Exception):
    """What happened (`what`, one sentence) and what to do (`hint`, one sentence or empty)."""

    def __init__(self, what: str, hint: str = "") -> None:
        super().__init__(f"{what} {hint}".strip())
        self.what = what
        self.hint = hint


class BadInput(FootnoteError):
    """The caller gave something that cannot be used."""


class NotFound(BadInput):
    """A document, run, generation or path that is not there."""


class NotAllowed(FootnoteError):
    """No key, a wrong key, or a key without the right."""


class Busy(FootnoteError):
    """Another writer holds the index, or every slot is taken; trying again later helps."""


class QueueFull(Busy):
    """A tenant has as many documents waiting as it may; `retry_after` is when to try again, in seconds."""

    retry_after = 30


class LostLease(FootnoteError):
    """A job is not its worker's any more: the lease ran out, or somebody cancelled it."""


class EmbedderMismatch(FootnoteError):
    """The index was made by another embedder than the one that is set."""


class StoreDamaged(FootnoteError):
    """The truth itself fails its check; the projections cannot help."""


class Unavailable(FootnoteError):
    """Something this needs is down or missing: a model server, an optional extra."""


def pip_install(*arguments: str) -> str:
    """Return the sentence that has this Python's own pip fetch the named packages.

    Footnote itself is never named: an extra of a distribution that pip does not find installed would be fetched
    from whoever holds its name.
    """
    return f"Run: {shlex.join([sys.executable, '-m', 'pip', 'install', *arguments])}"
