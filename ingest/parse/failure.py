"""How a parser says that it cannot read a file."""

from ingest.extract import FailureReason


class Unparsable(Exception):
    """Ends the parsing of one file. The worker turns it into a `ParseFailure`; it never crosses a process."""

    def __init__(self, reason: FailureReason, message: str, *, unread: tuple[int, ...] = ()) -> None:
        super().__init__(message)
        self.reason: FailureReason = reason
        self.message = message
        self.unread = unread
