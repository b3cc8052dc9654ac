"""What one file may cost."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """The most that parsing one file may take; beyond any of them that file fails, and only that file."""

    memory_bytes: int = 1 << 30
    cpu_seconds: int = 30
    wall_seconds: float = 60.0
    max_file_bytes: int = 50_000_000
    max_text_chars: int = 5_000_000
    max_pages: int = 2_000
