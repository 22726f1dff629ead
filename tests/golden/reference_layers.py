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
        "sigmoid": torch.sigmoid, "tanh": torch.tanh, "softmax": lambda x: torch.softmax(x, -1)}
    return functions[name](x)


def activation_layer(name: str) -> Callable[[Call], Reply]:
    return lambda call: Reply([activate(call.inputs[0], name)])


def weight_penalty(call: Call, name: str = "weight") -> Tensor | None:
    l1, l2 = call.params["l1"], call.params["l2"]
    if (l1 == 0 and l2 == 0) or call.params["frozen"]:
        return None
    weight = call.weights[name]
    return l1 * weight.abs().sum() + l2 * weight.square().sum()


def padded(x: Tensor, params: dict, kernel: list[int], value: float) -> Tensor:
    """NCHW with the padding of Keras' "same": ceil(extent / stride) results, the odd pixel at the end."""
    if params["padding"] != "same":
        return x
    amounts = []
    for axis in (1, 0):  # F.pad counts from the last dimension
        extent, stride = x.shape[2 + axis], params["stride"][axis]
        reach = params.get("dilation", [1, 1])[axis] * (kernel[axis] - 1) + 1
        total = max(0, (-(-extent // stride) - 1) * stride + reach - extent)
        amounts += [total // 2, total - total // 2]
    return F.pad(x, amounts, value=value)


def to_channels_first(x: Tensor) -> Tensor:
    return x.permute(0, 3, 1, 2)


def to_channels_last(x: Tensor) -> Tensor:
    return x.permute(0, 2, 3, 1)


def conv2d(call: Call) -> Reply:
    p = call.params
    x = padded(to_channels_first(call.inputs[0]), p, p["kernel"], 0.0)
    y = F.conv2d(x, call.weights["weight"].permute(3, 2, 0, 1), call.weights.get("bias"), stride=p["stride"],
                 dilation=p["dilation"], groups=p["groups"])
    return Reply([activate(to_channels_last(y), p["activation"])], weight_penalty(call))


def dense(call: Call) -> Reply:
    y = F.linear(call.inputs[0], call.weights["weight"].T, call.weights.get("bias"))
    return Reply([activate(y, call.params["activation"])], weight_penalty(call))


def max_pool2d(call: Call) -> Reply:
    p = call.params
    x = padded(to_channels_first(call.inputs[0]), p, p["pool"], -torch.inf)
    return Reply([to_channels_last(F.max_pool2d(x, p["pool"], p["stride"]))])


def avg_pool2d(call: Call) -> Reply:
    """Padding does not count, as in Keras."""
    p = call.params
    x = to_channels_first(call.inputs[0])
    share = F.avg_pool2d(padded(torch.ones_like(x), p, p["pool"], 0.0), p["pool"], p["stride"])
    return Reply([to_channels_last(F.avg_pool2d(padded(x, p, p["pool"], 0.0), p["pool"], p["stride"]) / share)])


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
    "avg_pool2d": avg_pool2d,
    "batch_norm": batch_norm,
    "binary_cross_entropy": binary_cross_entropy,
    "concat": lambda call: Reply(
        [torch.cat(call.inputs, call.params["axis"] + (1 if call.params["axis"] >= 0 else 0))]),
    "conv2d": conv2d,
    "dense": dense,
    "dropout": dropout,
    "elu": lambda call: Reply([F.elu(call.inputs[0], call.params["alpha"])]),
    "flatten": lambda call: Reply([call.inputs[0].flatten(1)]),
    "gelu": activation_layer("gelu"),
    "global_avg_pool2d": lambda call: Reply([call.inputs[0].mean((1, 2))]),
    "input": lambda call: Reply([call.inputs[0]]),
    "labels": labels,
    "leaky_relu": lambda call: Reply([F.leaky_relu(call.inputs[0], call.params["negative_slope"])]),
    "max_pool2d": max_pool2d,
    "mse": mse,
    "relu": activation_layer("relu"),
    "reshape": lambda call: Reply([call.inputs[0].reshape(-1, *call.params["shape"])]),
    "sigmoid": activation_layer("sigmoid"),
    "silu": activation_layer("silu"),
    "softmax": activation_layer("softmax"),
    "tanh": activation_layer("tanh"),
}
