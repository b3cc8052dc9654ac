"""The driver, imported where it is wanted, and its errors in our words."""

from typing import Any

from vectorstore.errors import BadInput, Busy, FootnoteError, StoreDamaged, Unavailable, pip_install

_STANDS = "the last generation still stands"
_TOLD = {
    "InsufficientPrivilege": (
        "does not let this user do that",
        "Give the user of FOOTNOTE_STORE the right to create and change tables in the index's schema.",
    ),
    "ReadOnlySqlTransaction": (
        "takes no writes: it is a standby, or was set to be read only",
        "Name the server that writes in FOOTNOTE_STORE, or all of them with target_session_attrs=read-write.",
    ),
    "DiskFull": (f"has no space left; {_STANDS}", "Give its disk more."),
    "QueryCanceled": (
        f"ended a statement that took too long, or somebody did; {_STANDS}",
        "Give the user of FOOTNOTE_STORE a longer statement_timeout.",
    ),
    "IdleInTransactionSessionTimeout": (
        f"ended a transaction that was silent for too long; {_STANDS}",
        "Run the command again.",
    ),
}
"""What the server says by the name of its error: what it does, and what helps."""


def psycopg_module() -> Any:  # Any: the module is imported only where it is wanted
    """Return psycopg; raises Unavailable where it is not installed."""
    try:
        import psycopg
    except ImportError as error:
        raise Unavailable(
            "An index in PostgreSQL needs the psycopg package.", pip_install("psycopg[binary]")
        ) from error
    return psycopg


def reason(error: BaseException) -> str:
    """Return what the server says of a statement; of a connection that failed, the last line of what was tried."""
    if said := getattr(getattr(error, "diag", None), "message_primary", None):
        return str(said)
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[-1].strip().removeprefix("connection failed: ")


def in_our_words(error: BaseException, place: str) -> FootnoteError:
    """Return the error that says what happened and what to do."""
    errors = psycopg_module().errors
    name = type(error).__name__
    if isinstance(error, errors.DataError) and "NUL" in str(error):
        return BadInput(
            "A text of the index holds the character U+0000, which PostgreSQL cannot keep.",
            "Ingest that document again: the character is replaced on the way in.",
        )
    if isinstance(error, errors.SerializationFailure | errors.DeadlockDetected | errors.LockNotAvailable):
        return Busy("The index is locked by another process.", "Try again when it is done.")
    if name in _TOLD:
        does, helps = _TOLD[name]
        return Unavailable(f"PostgreSQL at {place} {does} ({name}).", helps)
    if isinstance(error, errors.UndefinedTable):
        return StoreDamaged(
            f"PostgreSQL at {place} shows this user no such table ({reason(error)}).",
            "Run `footnote index upgrade`, or give the user of FOOTNOTE_STORE its rights on the index's schema.",
        )
    if isinstance(error, errors.OperationalError | errors.InterfaceError):
        return Unavailable(
            f"PostgreSQL at {place} does not answer ({name}); {_STANDS}.",
            "Start it, or correct FOOTNOTE_STORE.",
        )
    return StoreDamaged(
        f"The index database fails ({name}: {reason(error)}).", "Run `footnote index verify`."
    )
