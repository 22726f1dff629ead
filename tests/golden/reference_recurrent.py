"""SimpleRNN, LSTM and GRU by PyTorch's own cells, step by step; see reference_layers.py."""

from __future__ import annotations

from typing import Callable

import torch
from torch import Tensor

from reference_layers import Call, Reply

State = list[Tensor]  # h, and c of an LSTM


def cell_function(kind: str, weights: dict[str, Tensor], suffix: str, params: dict) -> Callable[[Tensor, State], State]:
    """One step of PyTorch's cell with Gradloom's weights (in x gates out)."""
    w, u = weights["weight" + suffix].T, weights["recurrent_weight" + suffix].T
    bias = weights.get("bias" + suffix)
    if bias is None:
        bias = w.new_zeros(w.shape[0])
    b, c = (bias[0], bias[1]) if bias.dim() == 2 else (bias, torch.zeros_like(bias))
    if kind == "lstm":
        return lambda x, state: list(torch.lstm_cell(x, state, w, u, b, c))
    if kind == "gru":
        return lambda x, state: [torch.gru_cell(x, state[0], w, u, b, c)]
    cell = {"tanh": torch.rnn_tanh_cell, "relu": torch.rnn_relu_cell}[params["activation"]]
    return lambda x, state: [cell(x, state[0], w, u, b, c)]


def run(cell: Callable[[Tensor, State], State], x: Tensor, state: State, mask: Tensor | None,
        reverse: bool) -> tuple[Tensor, State]:
    """All states in the order of time, and the last one. A masked step passes the state on."""
    outputs: list[Tensor] = [x] * x.shape[1]
    for time in reversed(range(x.shape[1])) if reverse else range(x.shape[1]):
        new = cell(x[:, time], state)
        if mask is not None:
            real = mask[:, time, None] > 0.5
            new = [torch.where(real, after, before) for after, before in zip(new, state)]
        state = new
        outputs[time] = state[0]
    return torch.stack(outputs, 1), state


def merged(parts: list[Tensor], how: str) -> Tensor:
    return sum(parts[1:], parts[0]) if how == "sum" else torch.cat(parts, -1)


def penalty(call: Call) -> Tensor | None:
    if call.params["l2"] == 0 or call.params["frozen"]:
        return None
    squares = [w.square().sum() for name, w in call.weights.items() if "weight" in name]
    return call.params["l2"] * torch.stack(squares).sum()


def recurrent(kind: str) -> Callable[[Call], Reply]:
    def reference(call: Call) -> Reply:
        p = call.params
        if call.training and (p["dropout"] > 0 or p["recurrent_dropout"] > 0):
            raise ValueError("what dropout drops in training is random and has no reference")
        x, mask, *initial = call.inputs + [None] * (4 - len(call.inputs))
        zeros = x.new_zeros(x.shape[0], p["units"])
        directions = [False] if p["bidirectional"] == "none" else [False, True]
        last: list[State] = []
        merged_last = zeros
        for layer in range(p["layers"]):
            results = []
            for reverse in directions:
                suffix = (f"_{layer + 1}" if layer else "") + ("_reverse" if reverse else "")
                own = slice(len(last) * p["units"], (len(last) + 1) * p["units"])
                start = [zeros if s is None else s[:, own] for s in initial[:2 if kind == "lstm" else 1]]
                results.append(run(cell_function(kind, call.weights, suffix, p), x, start, mask, reverse))
                last.append(results[-1][1])
            x = merged([sequence for sequence, _ in results], p["bidirectional"])
            merged_last = merged([state[0] for _, state in results], p["bidirectional"])
        states = [torch.cat(parts, -1) for parts in zip(*last)]
        return Reply([x if p["output"] == "sequence" else merged_last, *states], penalty(call))

    return reference


REFERENCES = {"simple_rnn": recurrent("rnn"), "lstm": recurrent("lstm"), "gru": recurrent("gru")}
