"""Program text and settings files: code as it is, in pieces at empty lines."""

from typing import Final

from ingest.extract import Extract
from ingest.limits import Limits
from ingest.parse.source import Source
from ingest.parse.writer import ExtractWriter

SUFFIXES: Final = frozenset(
    {
        *("py", "pyi", "js", "mjs", "ts", "tsx", "jsx", "java", "kt", "go", "rs", "c", "h", "cc", "cpp", "hpp", "cs"),
        *("rb", "php", "swift", "scala", "sh", "bash", "zsh", "ps1", "bat", "sql", "r", "lua", "pl", "css", "scss"),
        *("yaml", "yml", "toml", "ini", "cfg", "conf", "env", "properties", "tf", "proto", "graphql", "diff", "patch"),
    }
)  # fmt: skip
_MAX_LINES: Final = 60


def parse(source: Source, limits: Limits) -> Extract:
    """Read program text."""
    writer = ExtractWriter(limits)
    text = writer.clean(writer.decode(source.data)).expandtabs(4)
    piece: list[str] = []
    for line in text.split("\n"):
        starts = bool(line) and not line[0].isspace() and bool(piece) and not piece[-1].strip()
        if (starts and len(piece) > _MAX_LINES / 4) or len(piece) >= _MAX_LINES:
            writer.block("code", "\n".join(piece))
            piece = []
        piece.append(line)
    writer.block("code", "\n".join(piece))
    return writer.finish(source.media_type, headed=False)
