"""The network that is trained: MiniLM-L6 reading claim and evidence together, with three small heads."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from transformers import AutoModel

from vectorstore.models.minilm import PUBLISHED
from vectorstore.models.pair_model import KINDS

WIDTH = 384
HIDDEN = 128


class Checker(nn.Module):
    """Says how likely evidence supports a claim, which tokens it does not, and whether it answers a question.

    `token_type_ids` are the tokens' kinds (vectorstore/models/pair_model.py). The verdict sees the first token, the claim's mean and the
    claim's largest activations: one unsupported word is enough.
    """

    def __init__(self, *, device: str = "cpu") -> None:
        super().__init__()
        self.encoder: Any = AutoModel.from_pretrained(PUBLISHED.folder(), add_pooling_layer=False)
        for parameter in self.encoder.embeddings.parameters():
            parameter.requires_grad = False
        # In place of two segments, of which only the first was ever trained, six kinds of tokens: the claim's and the
        # evidence's, each by what the other side has of it.
        table = nn.Embedding(KINDS, WIDTH)
        with torch.no_grad():
            first = self.encoder.embeddings.token_type_embeddings.weight[0]
            table.weight.normal_(0.0, 0.02).add_(first)
        self.encoder.embeddings.token_type_embeddings = table
        self.support = _head()
        self.answer = _head()
        self.token = nn.Linear(WIDTH, 1)
        self.to(device)

    def forward(
        self, input_ids: torch.Tensor, attention_mask: torch.Tensor, token_type_ids: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return support and answer logits (n,) and unsupported-token logits (n, tokens)."""
        hidden = self.encoder(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state.float()
        claim = (attention_mask * (token_type_ids < KINDS // 2)).unsqueeze(-1).float()
        mean = (hidden * claim).sum(1) / claim.sum(1)
        largest = (hidden + (claim - 1) * 1e4).amax(1)
        seen = torch.cat([hidden[:, 0], mean, largest], dim=1)
        return self.support(seen).squeeze(-1), self.answer(seen).squeeze(-1), self.token(hidden).squeeze(-1)

    def save(self, folder: Path, facts: dict[str, Any]) -> None:
        """Write the weights and what is known of them."""
        from safetensors.torch import save_file

        folder.mkdir(parents=True, exist_ok=True)
        state = {name: value.detach().cpu().contiguous() for name, value in self.state_dict().items()}
        save_file(state, folder / "checker.safetensors")
        (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")

    def load(self, folder: Path) -> None:
        """Read weights that `save` wrote."""
        from safetensors.torch import load_file

        self.load_state_dict(load_file(folder / "checker.safetensors"))


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(3 * WIDTH, HIDDEN), nn.GELU(), nn.Dropout(0.1), nn.Linear(HIDDEN, 1))


def half_precision(device: str) -> torch.autocast:
    """Compute in bfloat16, but not on a processor that has to imitate it, six times slower than float32."""
    native = device != "cpu" or any(
        torch.cpu.get_capabilities().get(name) for name in ("avx512_bf16", "amx_bf16")
    )
    return torch.autocast(device, dtype=torch.bfloat16, enabled=native)


def padded(rows: list[np.ndarray[Any, Any]]) -> torch.Tensor:
    """Return rows of differing length as one tensor, zeros behind."""
    table = np.zeros((len(rows), max(len(row) for row in rows)), dtype=np.int64)
    for number, row in enumerate(rows):
        table[number, : len(row)] = row
    return torch.from_numpy(table)
