"""Every layer of Gradloom once more, in PyTorch.

Tensors are laid out as in Gradloom: pictures N x H x W x C, convolution weights kh x kw x C/groups x K, dense weights
in x out. A reference takes a Call and returns a Reply; `REFERENCES` finds it by the layer's id.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass
class Call:
    """What a layer gets: complete options, inputs per port, weights and state by name, and whether it is trained."""

    params: dict
    inputs: list[Tensor]
    weights: dict[str, Tensor]
    training: bool


@dataclass
class Reply:
    """What a layer gives back. A loss has one result: its loss for each sample, times the option `weight`."""

    results: list[Tensor]
    penalty: Tensor | None = None
    metrics: dict[str, Tensor] = field(default_factory=dict)
    after: dict[str, Tensor] = field(default_factory=dict)  # state after the step


def activate(x: Tensor, name: str) -> Tensor:
    """The activations of the option `activation`."""
    functions: dict[str, Callable[[Tensor], Tensor]] = {
        "none": lambda x: x, "relu": F.relu, "leaky_relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu, "silu": F.silu,
        "selu": F.selu, "mish": F.mish, "softplus": F.softplus, "hard_swish": F.hardswish, "sigmoid": torch.sigmoid,
        "tanh": torch.tanh, "softmax": lambda x: torch.softmax(x, -1), "log_softmax": lambda x: torch.log_softmax(x, -1)}
    return functions[name](x)


def activation_layer(name: str) -> Callable[[Call], Reply]:
    return lambda call: Reply([activate(call.inputs[0], name)])


def weight_penalty(call: Call, name: str = "weight") -> Tensor | None:
    l1, l2 = call.params["l1"], call.params["l2"]
    if (l1 == 0 and l2 == 0) or call.params["frozen"]:
        return None
    weight = call.weights[name]
    return l1 * weight.abs().sum() + l2 * weight.square().sum()


def dense(call: Call) -> Reply:
    y = F.linear(call.inputs[0], call.weights["weight"].T, call.weights.get("bias"))
    return Reply([activate(y, call.params["activation"])], weight_penalty(call))


def batch_norm(call: Call) -> Reply:
    p, w = call.params, call.weights
    mean, variance = w["running_mean"].clone(), w["running_var"].clone()
    training = call.training and not p["frozen"]
    x = call.inputs[0].movedim(-1, 1)
    y = F.batch_norm(x, mean, variance, w["weight"], w["bias"], training, 1 - p["momentum"], p["epsilon"])
    after = {"running_mean": mean, "running_var": variance} if training else {}
    return Reply([activate(y.movedim(1, -1), p["activation"])], after=after)


def dropout(call: Call) -> Reply:
    if call.training and call.params["rate"] > 0:
        raise ValueError("what dropout drops in training is random and has no reference")
    return Reply([call.inputs[0]])


def labels(call: Call) -> Reply:
    if call.params["encoding"] != "one_hot":
        return Reply([call.inputs[0]])
    return Reply([F.one_hot(call.inputs[0].long(), call.params["classes"]).double()])


def float_target(call: Call) -> Tensor:
    x, target = call.inputs
    if target.is_floating_point():
        return target
    return target.to(x.dtype)[:, None] if x.shape[1] == 1 else F.one_hot(target.long(), x.shape[1]).to(x.dtype)


def mean_of_sample(x: Tensor) -> Tensor:
    return x.flatten(1).mean(1)


def binary_cross_entropy(call: Call) -> Reply:
    x, target = call.inputs[0], float_target(call)
    loss = mean_of_sample(F.binary_cross_entropy_with_logits(x, target, reduction="none"))
    hits = mean_of_sample(((x > 0) == (target > 0.5)).to(x.dtype))
    return Reply([call.params["weight"] * loss], metrics={"accuracy": hits})


def mse(call: Call) -> Reply:
    loss = F.mse_loss(call.inputs[0], float_target(call), reduction="none")
    return Reply([call.params["weight"] * mean_of_sample(loss)])


REFERENCES: dict[str, Callable[[Call], Reply]] = {
    "add": lambda call: Reply([torch.stack(call.inputs).sum(0)]),
    "batch_norm": batch_norm,
    "binary_cross_entropy": binary_cross_entropy,
    "concat": lambda call: Reply(
        [torch.cat(call.inputs, call.params["axis"] + (1 if call.params["axis"] >= 0 else 0))]),
    "dense": dense,
    "dropout": dropout,
    "elu": lambda call: Reply([F.elu(call.inputs[0], call.params["alpha"])]),
    "flatten": lambda call: Reply([call.inputs[0].flatten(1)]),
    "gelu": activation_layer("gelu"),
    "global_avg_pool2d": lambda call: Reply([call.inputs[0].mean((1, 2))]),
    "input": lambda call: Reply([call.inputs[0]]),
    "labels": labels,
    "leaky_relu": lambda call: Reply([F.leaky_relu(call.inputs[0], call.params["negative_slope"])]),
    "mse": mse,
    "relu": activation_layer("relu"),
    "reshape": lambda call: Reply([call.inputs[0].reshape(-1, *call.params["shape"])]),
    "sigmoid": activation_layer("sigmoid"),
    "silu": activation_layer("silu"),
    "softmax": activation_layer("softmax"),
    "tanh": activation_layer("tanh"),
}
