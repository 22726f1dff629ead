"""Embedding, attention and the normalisations over features in PyTorch; see reference_layers.py."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_layers import Call, Reply, activate, weight_penalty


def embedding(call: Call) -> Reply:
    """The padding's row counts as zero and gets no gradient; neither does a token outside the table."""
    p, tokens = call.params, call.inputs[0].long()
    inside = (tokens >= 0) & (tokens < p["vocabulary"]) & (tokens != p["padding_index"])
    rows = F.embedding(torch.where(inside, tokens, 0), call.weights["weight"])
    mask = (tokens != p["padding_index"]).double()
    return Reply([rows * inside[..., None], mask])


def no_dropout(call: Call) -> None:
    if call.training and call.params["dropout"] > 0:
        raise ValueError("what dropout drops in training is random and has no reference")


def mask_of(call: Call) -> Tensor | None:
    """The mask is the only input without features."""
    masks = [x > 0.5 for x in call.inputs[1:] if x is not None and x.dim() == 2]
    return masks[0] if masks else None


def penalties(call: Call) -> Tensor | None:
    """Of all projections; normalisations have none."""
    parts = [weight_penalty(call, name) for name in call.weights
             if name.endswith("_weight") and "norm" not in name]
    return None if parts[0] is None else torch.stack(parts).sum()


def project(call: Call, x: Tensor, name: str) -> Tensor:
    return F.linear(x, call.weights[f"{name}_weight"].T, call.weights.get(f"{name}_bias"))


def attend(call: Call, x: Tensor, context: Tensor, heads: int, prefix: str = "") -> Tensor:
    """Queries without any key get zeros."""
    def split(name: str, source: Tensor) -> Tensor:
        return project(call, source, prefix + name).unflatten(-1, (heads, -1)).transpose(1, 2)
    q, k, v = split("query", x), split("key", context), split("value", context)
    keep = torch.ones(x.shape[0], 1, x.shape[1], context.shape[1], dtype=torch.bool)
    if (mask := mask_of(call)) is not None:
        keep = keep & mask[:, None, None, :]
    if call.params["causal"]:
        keep = keep.tril()
    some = keep.any(-1, keepdim=True)
    y = F.scaled_dot_product_attention(q, k, v, attn_mask=keep | ~some)
    return torch.where(some, y, 0.0).transpose(1, 2).flatten(2)


def self_attention(call: Call) -> Reply:
    no_dropout(call)
    x = call.inputs[0]
    return Reply([attend(call, x, x, 1)], penalties(call))


def multi_head_attention(call: Call) -> Reply:
    no_dropout(call)
    x = call.inputs[0]
    context = next((c for c in call.inputs[1:] if c is not None and c.dim() == 3), x)
    return Reply([project(call, attend(call, x, context, call.params["heads"]), "output")], penalties(call))


def layer_normalised(call: Call, x: Tensor, prefix: str = "") -> Tensor:
    return F.layer_norm(x, x.shape[-1:], call.weights.get(prefix + "weight"), call.weights.get(prefix + "bias"),
                        call.params["epsilon"])


def transformer_encoder(call: Call) -> Reply:
    no_dropout(call)
    p, x = call.params, call.inputs[0]
    for block in range(1, p["blocks"] + 1):
        name = f"block{block}_"

        def attention(z: Tensor) -> Tensor:
            return project(call, attend(call, z, z, p["heads"], name), name + "output")

        def feed_forward(z: Tensor) -> Tensor:
            return project(call, activate(project(call, z, name + "feed1"), p["activation"]), name + "feed2")

        for part, norm in ((attention, name + "norm1_"), (feed_forward, name + "norm2_")):
            if p["norm"] == "pre":
                x = x + part(layer_normalised(call, x, norm))
            else:
                x = layer_normalised(call, x + part(x), norm)
    return Reply([layer_normalised(call, x, "norm_") if p["norm"] == "pre" else x], penalties(call))


def positional_encoding(call: Call) -> Reply:
    x = call.inputs[0]
    if call.params["kind"] == "learned":
        return Reply([x + call.weights["weight"]])
    steps, size = x.shape[1:]
    column = torch.arange(size)
    angle = torch.arange(steps)[:, None] / 10000 ** ((column - column % 2) / size)
    return Reply([x + torch.where(column % 2 == 0, torch.sin(angle), torch.cos(angle))])


def group_norm(call: Call) -> Reply:
    """Without the option `groups` as many groups as channels: instance normalisation."""
    x, w = call.inputs[0].movedim(-1, 1), call.weights
    y = F.group_norm(x, call.params.get("groups", x.shape[1]), w.get("weight"), w.get("bias"), call.params["epsilon"])
    return Reply([y.movedim(1, -1)])


def global_avg_pool1d(call: Call) -> Reply:
    x = call.inputs[0]
    if len(call.inputs) == 1:
        return Reply([x.mean(1)])
    real = (call.inputs[1] > 0.5).double()
    return Reply([(x * real[..., None]).sum(1) / real.sum(1, keepdim=True).clamp(min=1)])


REFERENCES = {
    "embedding": embedding,
    "global_avg_pool1d": global_avg_pool1d,
    "group_norm": group_norm,
    "instance_norm": group_norm,
    "layer_norm": lambda call: Reply([layer_normalised(call, call.inputs[0])]),
    "multi_head_attention": multi_head_attention,
    "positional_encoding": positional_encoding,
    "self_attention": self_attention,
    "transformer_encoder": transformer_encoder,
}
