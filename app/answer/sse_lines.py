"""Cut a stream of bytes into the data of its server-sent events."""

from collections.abc import Iterator


class Lines:
    """Takes bytes as they arrive; `done` once `[DONE]` or the end has come."""

    def __init__(self) -> None:
        self._rest = b""
        self.done = False

    def feed(self, piece: bytes) -> Iterator[str]:
        """Yield the data of every line that is complete; nothing after `[DONE]`."""
        lines = (self._rest + piece).splitlines(keepends=True)
        self._rest = lines.pop() if lines and not lines[-1].endswith((b"\n", b"\r")) else b""
        for line in lines:
            if not line.startswith(b"data:"):
                continue
            data = line[5:].decode(errors="replace").strip()
            if data == "[DONE]":
                self.done = True
                return
            yield data

    def finish(self) -> Iterator[str]:
        """Yield the data of a last line that no line break ended."""
        yield from self.feed(b"\n")
        self.done = True
