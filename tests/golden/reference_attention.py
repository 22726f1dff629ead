"""Embedding, attention and the normalisations over features in PyTorch; see reference_layers.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from reference_layers import Call, Reply


def embedding(call: Call) -> Reply:
    """The padding's row counts as zero and gets no gradient; neither does a token outside the table."""
    p, tokens = call.params, call.inputs[0].long()
    inside = (tokens >= 0) & (tokens < p["vocabulary"]) & (tokens != p["padding_index"])
    rows = F.embedding(torch.where(inside, tokens, 0), call.weights["weight"])
    mask = (tokens != p["padding_index"]).double()
    return Reply([rows * inside[..., None], mask])


REFERENCES = {
    "embedding": embedding,
}
