"""What a calibration found out, as a file: which scorer, how far it agrees with people, which thresholds fit here."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.settings import AnswerSettings
from app.support.ground import SUPPORTED
from vectorstore.errors import BadInput, NotFound
from vectorstore.text_file import read_text

RULER = "footnote"
TRAINED = "footnote, trained"
"""The scorers that support can be calibrated for: words alone, or the trained checker heard beside them."""
_CLOSEST = 0.001


class Calibration(BaseModel):
    """Figures of one scorer on one labelled set. `tau` is the support from which on a sentence counts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    scorer: str
    labels: int = Field(ge=0)
    kappa: float = Field(ge=-1, le=1)
    balanced_accuracy: float = Field(ge=0, le=1)
    tau: float = Field(ge=0, le=1)
    tau_low: float = Field(ge=0, le=1)
    tau_high: float = Field(ge=0, le=1)
    answer_threshold: float | None = Field(default=None, ge=0, le=1)
    unsure_threshold: float | None = Field(default=None, ge=0, le=1)

    def save(self, path: Path) -> None:
        """Write the file."""
        path.write_text(self.model_dump_json(indent=2) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Calibration":
        """Read the file; raises NotFound or BadInput."""
        if not path.is_file():
            raise NotFound(
                f"There is no calibration {str(path)!r}.", "Make it with `footnote eval calibrate --write`."
            )
        try:
            return cls.model_validate_json(read_text(path))
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the file"
            raise BadInput(f"{path.name}: {where}: {first['msg'].lower()}.") from error


def live_tau(settings: AnswerSettings) -> float:
    """Return the even chance of the live turn's checker; raises BadInput for a calibration of another scorer."""
    if not settings.calibration:
        return SUPPORTED
    found = Calibration.load(Path(settings.calibration))
    wanted = TRAINED if settings.support_model else RULER
    if found.scorer != wanted:
        raise BadInput(
            f"FOOTNOTE_CALIBRATION is of {found.scorer!r}; sentences are checked by {wanted!r} here.",
            "Calibrate again with the same FOOTNOTE_SUPPORT_MODEL: `footnote eval calibrate --write FILE`.",
        )
    return _inside(found.tau)


def ruler_tau(settings: AnswerSettings) -> float:
    """Return the even chance of the checker by words alone, which evaluations use."""
    if not settings.calibration:
        return SUPPORTED
    found = Calibration.load(Path(settings.calibration))
    return _inside(found.tau) if found.scorer == RULER else SUPPORTED


def _inside(tau: float) -> float:
    return min(max(tau, _CLOSEST), 1 - _CLOSEST)
