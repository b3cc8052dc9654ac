"""Any sentence-transformers model as an embedder, any of its cross-encoders as a reranker (the extra `[models]`)."""

import copy
import hashlib
import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from vectorstore.errors import Unavailable, pip_install
from vectorstore.models.embed import TokenStates
from vectorstore.types import Vector, Vectors

# Small, because a question waits for the batch that is being embedded.
_BATCH = 16
_WINDOW = 512


class SentenceTransformerEmbedder:
    """Embeds on torch with a model from a local folder or the local cache; nothing is downloaded."""

    def __init__(self, name: str) -> None:
        """Load the model; raises Unavailable when the extra or the model is missing."""
        try:
            from sentence_transformers import SentenceTransformer
        except ImportError as error:
            raise Unavailable(
                f"The embedder {name!r} needs sentence-transformers.", pip_install("sentence-transformers")
            ) from error
        try:
            self._model: Any = SentenceTransformer(name, device="cpu", local_files_only=True)
        except (OSError, ValueError) as error:
            raise Unavailable(
                f"The embedder {name!r} is not on this machine.",
                "Download it beforehand, or set FOOTNOTE_EMBEDDER to a folder that holds it.",
            ) from error
        self._name = name
        # A tokenizer holds its truncation setting: the model's own is used under the lock, a copy for counting.
        self._tokenizer: Any = copy.deepcopy(self._model.tokenizer)
        self._encoding = threading.Lock()
        self._counting = threading.Lock()
        self._prompt: str = self._model.prompts.get("document") or ""
        self._weights = _weights_hash(self._model)

    @property
    def name(self) -> str:
        """The model's name or folder."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Names weights, modules, prompts and window; the same on every machine and in every folder."""
        modules = "+".join(type(module).__name__ for module in self._model)
        settings = f"{modules}/{sorted(self._model.prompts.items())}/{self.max_tokens}"
        return (
            f"sentence-transformers/{self._weights[:16]}/{hashlib.sha256(settings.encode()).hexdigest()[:8]}"
        )

    @property
    def dimension(self) -> int:
        """The length of a vector."""
        return int(self._model.get_embedding_dimension())

    @property
    def max_tokens(self) -> int:
        """The most tokens of one text that are read."""
        return int(self._model.max_seq_length or _WINDOW)

    def count_tokens(self, text: str) -> int:
        """Count the text's tokens, special ones and the model's document prompt included."""
        with self._counting:
            return len(self._tokenizer(self._prompt + text, truncation=False, verbose=False)["input_ids"])

    def token_offsets(self, text: str) -> list[tuple[int, int]]:
        """Return each token's [start, end) in the text, special tokens left out."""
        with self._counting:
            encoded = self._tokenizer(
                text, truncation=False, verbose=False, add_special_tokens=False, return_offsets_mapping=True
            )
        return [(int(start), int(end)) for start, end in encoded["offset_mapping"]]

    def embed_query(self, text: str) -> Vector:
        """Embed one question; shape (d,)."""
        with self._encoding:
            vector: Vector = self._model.encode_query(
                text, normalize_embeddings=True, show_progress_bar=False
            )
        return vector.astype(np.float32)

    def embed_documents(
        self, texts: Sequence[str], *, on_batch: Callable[[int], None] | None = None
    ) -> Vectors:
        """Embed passages; shape (n, d)."""
        vectors = np.empty((len(texts), self.dimension), dtype=np.float32)
        order = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        for start in range(0, len(order), _BATCH):
            rows = order[start : start + _BATCH]
            with self._encoding:
                vectors[rows] = self._model.encode_document(
                    [texts[row] for row in rows], normalize_embeddings=True, show_progress_bar=False
                )
            if on_batch is not None:
                on_batch(len(rows))
        return vectors

    def token_states(self, texts: Sequence[str], *, query: bool = False) -> list[TokenStates]:
        """Return what the model makes of each token of the texts."""
        prompt = (self._model.prompts.get("query") or "") if query else self._prompt
        found: list[TokenStates] = []
        for text in texts:
            with self._encoding:
                states = self._model.encode(
                    [prompt + text], output_value="token_embeddings", show_progress_bar=False
                )[0]
                encoded = self._tokenizer(
                    prompt + text, truncation=True, max_length=self.max_tokens, return_offsets_mapping=True
                )
            places = [
                (at, (int(start) - len(prompt), int(end) - len(prompt)))
                for at, (start, end) in enumerate(encoded["offset_mapping"])
                if end > start >= len(prompt)
            ]
            rows = states.detach().float().numpy()[[at for at, _ in places]]
            found.append(([place for _, place in places], rows))
        return found


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
                self._model = _cross_encoder(self.name)
            from torch.nn import Sigmoid

            # Models differ in what they put on their last layer; downstream, a score lies in [0, 1].
            scores = self._model.predict(
                [(question, passage) for passage in passages],
                batch_size=_BATCH,
                activation_fn=Sigmoid(),
                show_progress_bar=False,
            )
        return [float(score) for score in scores]


def _weights_hash(model: Any) -> str:
    # A probe's vector would differ in its last bits from one processor to the next.
    digest = hashlib.sha256()
    for name, tensor in sorted(model.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().float().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _cross_encoder(name: str) -> Any:
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
