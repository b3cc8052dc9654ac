"""A sentence-transformers cross-encoder as a reranker (the extra `[models]`)."""

import threading
from collections.abc import Sequence
from typing import Any

from vectorstore.errors import Unavailable

_BATCH = 16


class CrossEncoderReranker:
    """Scores on torch with a model from a local folder or the local cache; nothing is downloaded."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._model: Any = None
        self._loading = threading.Lock()

    def __call__(self, question: str, passages: Sequence[str]) -> list[float]:
        """Return each passage's score in [0, 1]; raises Unavailable when the model cannot be loaded."""
        if not passages:
            return []
        with self._loading:
            if self._model is None:
                self._model = _load(self.name)
            from torch.nn import Sigmoid

            # Models differ in what they put on their last layer; downstream, a score lies in [0, 1].
            scores = self._model.predict(
                [(question, passage) for passage in passages],
                batch_size=_BATCH,
                activation_fn=Sigmoid(),
                show_progress_bar=False,
            )
        return [float(score) for score in scores]


def _load(name: str) -> Any:
    from sentence_transformers import CrossEncoder

    try:
        model = CrossEncoder(name, device="cpu", local_files_only=True)
    except (OSError, ValueError) as error:
        raise Unavailable(
            f"The reranker {name!r} is not on this machine.",
            "Download it beforehand, or set FOOTNOTE_RERANKER to a folder that holds it, or to nothing.",
        ) from error
    if model.num_labels != 1:
        raise Unavailable(
            f"The model {name!r} gives {model.num_labels} scores for a passage; a reranker gives one.",
            "Set FOOTNOTE_RERANKER to a cross-encoder made for ranking.",
        )
    return model
