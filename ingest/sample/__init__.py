"""The sample handbook: what the demo shows and the evaluation asks about."""

from pathlib import Path

HANDBOOK = Path(__file__).parent / "handbook"
