"""What a check finds: `footnote doctor` shows it as a line."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Finding:
    """One check's outcome. Of what is open, `wrong` is more than it should be."""

    about: str
    state: Literal["ok", "note", "wrong"]
    says: str
    do: str = ""
