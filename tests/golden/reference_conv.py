"""Convolutions, poolings, changes of shape, merging layers and activations in PyTorch.

Adds to the table of reference_layers.py. "front" and "back" below move the channels to PyTorch's place and back.
"""

from __future__ import annotations

from typing import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from reference_layers import REFERENCES, Call, Reply, activate, activation_layer, weight_penalty


def front(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def back(x: Tensor) -> Tensor:
    return x.movedim(1, -1)


def sizes(value: int | list[int]) -> list[int]:
    """An option that is a single number for one dimension and a list for more."""
    return [value] if isinstance(value, int) else value


def padded(x: Tensor, p: dict, kernel: list[int], value: float = 0.0) -> Tensor:
    """Channels first, with the padding of the options. "same" is Keras': ceil(extent / stride) results, the odd element
    at the end."""
    axes = len(kernel)
    stride, dilation = sizes(p["stride"]), sizes(p.get("dilation", [1] * axes))
    amounts = []
    for axis in reversed(range(axes)):  # F.pad counts from the last dimension
        before = after = 0
        if p["padding"] == "explicit":
            before, after = p["pad"][axis], p["pad"][axis + axes]
        elif p["padding"] == "same":
            reach = dilation[axis] * (kernel[axis] - 1) + 1
            extent = x.shape[2 + axis]
            total = max(0, (-(-extent // stride[axis]) - 1) * stride[axis] + reach - extent)
            before, after = total // 2, total - total // 2
        amounts += [before, after]
    return F.pad(x, amounts, value=value)


def convolved(x: Tensor, weight: Tensor, bias: Tensor | None, p: dict, groups: int = 1) -> Tensor:
    """x and result with channels last; weights kernel x C/groups x K."""
    axes = weight.dim() - 2
    convolve = (F.conv1d, F.conv2d, F.conv3d)[axes - 1]
    y = convolve(padded(front(x), p, list(weight.shape[:axes])), weight.movedim((-1, -2), (0, 1)), bias,
                 stride=sizes(p["stride"]), dilation=sizes(p["dilation"]), groups=groups)
    return back(y)


def convolution(call: Call) -> Reply:
    p = call.params
    y = convolved(call.inputs[0], call.weights["weight"], call.weights.get("bias"), p, p.get("groups", 1))
    return Reply([activate(y, p["activation"])], weight_penalty(call))


def depthwise_conv2d(call: Call) -> Reply:
    x = call.inputs[0]
    y = convolved(x, call.weights["weight"], call.weights.get("bias"), call.params, x.shape[-1])
    return Reply([activate(y, call.params["activation"])], weight_penalty(call))


def separable_conv2d(call: Call) -> Reply:
    x, w = call.inputs[0], call.weights
    between = convolved(x, w["depthwise"], None, call.params, x.shape[-1])
    y = torch.einsum("nhwc,ck->nhwk", between, w["weight"][0, 0])
    if "bias" in w:
        y = y + w["bias"]
    penalty = None
    if weight_penalty(call) is not None:
        penalty = weight_penalty(call) + weight_penalty(call, "depthwise")
    return Reply([activate(y, call.params["activation"])], penalty)


def conv_transpose2d(call: Call) -> Reply:
    """The whole result, of which the options take a part or to which they add rows without any contribution."""
    p, x = call.params, call.inputs[0]
    full = F.conv_transpose2d(front(x), call.weights["weight"].permute(3, 2, 0, 1).contiguous(),
                              stride=p["stride"], dilation=p["dilation"])
    for axis in (0, 1):
        whole, stride, extra = full.shape[2 + axis], p["stride"][axis], p["output_padding"][axis]
        reach = p["dilation"][axis] * (p["kernel"][axis] - 1) + 1
        start, length = 0, whole + extra
        if p["padding"] == "same":
            start, length = max(0, reach - stride) // 2, x.shape[1 + axis] * stride
        elif p["padding"] == "explicit":
            start, length = p["pad"][axis], whole - p["pad"][axis] - p["pad"][axis + 2] + extra
        else:
            length = whole + max(extra, stride - reach)
        more = [0, 0, 0, max(0, start + length - whole)] if axis == 0 else [0, max(0, start + length - whole)]
        full = F.pad(full, more).narrow(2 + axis, start, length)
    y = back(full)
    if "bias" in call.weights:
        y = y + call.weights["bias"]
    return Reply([activate(y, p["activation"])], weight_penalty(call))


def max_pool(call: Call) -> Reply:
    p = call.params
    kernel = sizes(p["pool"])
    pool = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    return Reply([back(pool(padded(front(call.inputs[0]), p, kernel, -torch.inf), kernel, sizes(p["stride"])))])


def avg_pool(call: Call) -> Reply:
    """Padding does not count, as in Keras."""
    p = call.params
    kernel = sizes(p["pool"])
    pool = (F.avg_pool1d, F.avg_pool2d, F.avg_pool3d)[len(kernel) - 1]
    x = front(call.inputs[0])
    share = pool(padded(torch.ones_like(x), p, kernel), kernel, sizes(p["stride"]))
    return Reply([back(pool(padded(x, p, kernel), kernel, sizes(p["stride"])) / share)])


def upsampling2d(call: Call) -> Reply:
    p = call.params
    options = {"align_corners": False} if p["interpolation"] == "bilinear" else {}
    x = front(call.inputs[0])
    extents = [extent * factor for extent, factor in zip(x.shape[2:], p["factor"])]
    return Reply([back(F.interpolate(x, extents, mode=p["interpolation"], **options))])


def zero_pad(call: Call) -> Reply:
    amounts = call.params["amounts"]
    axes = len(amounts) // 2
    pairs = [amount for axis in reversed(range(axes)) for amount in (amounts[axis], amounts[axis + axes])]
    return Reply([back(F.pad(front(call.inputs[0]), pairs))])


def crop(call: Call) -> Reply:
    x, amounts = call.inputs[0], call.params["amounts"]
    axes = len(amounts) // 2
    for axis in range(axes):
        x = x.narrow(1 + axis, amounts[axis], x.shape[1 + axis] - amounts[axis] - amounts[axis + axes])
    return Reply([x])


def batched(axis: int) -> int:
    """An axis of a sample in a tensor with its batch."""
    return axis + 1 if axis >= 0 else axis


def slice_part(call: Call) -> Reply:
    p, x = call.params, call.inputs[0]
    axis = batched(p["axis"])
    start = p["start"] if p["start"] >= 0 else p["start"] + x.shape[axis]
    return Reply([x.narrow(axis, start, p["length"])])


def split(call: Call) -> Reply:
    p, x = call.params, call.inputs[0]
    axis = batched(p["axis"])
    first = p["size"] or x.shape[axis] // 2
    return Reply(list(torch.split(x, [first, x.shape[axis] - first], axis)))


def dot(call: Call) -> Reply:
    a, b = call.inputs
    if call.params["normalize"]:
        return Reply([F.cosine_similarity(a, b, -1)[..., None]])
    return Reply([(a * b).sum(-1, keepdim=True)])


def without_randomness(option: str) -> Callable[[Call], Reply]:
    """A layer that does nothing outside training."""
    def reference(call: Call) -> Reply:
        if call.training and call.params[option] > 0:
            raise ValueError("what happens in training is random and has no reference")
        return Reply([call.inputs[0]])
    return reference


REFERENCES |= {
    "average": lambda call: Reply([torch.stack(call.inputs).mean(0)]),
    "avg_pool1d": avg_pool,
    "avg_pool2d": avg_pool,
    "avg_pool3d": avg_pool,
    "conv1d": convolution,
    "conv2d": convolution,
    "conv3d": convolution,
    "conv_transpose2d": conv_transpose2d,
    "crop1d": crop,
    "crop2d": crop,
    "depthwise_conv2d": depthwise_conv2d,
    "dot": dot,
    "expand_dims": lambda call: Reply([call.inputs[0].unsqueeze(batched(call.params["axis"]))]),
    "gaussian_noise": without_randomness("deviation"),
    "global_max_pool1d": lambda call: Reply([F.adaptive_max_pool1d(front(call.inputs[0]), 1).flatten(1)]),
    "global_max_pool2d": lambda call: Reply([F.adaptive_max_pool2d(front(call.inputs[0]), 1).flatten(1)]),
    "hard_swish": activation_layer("hard_swish"),
    "log_softmax": activation_layer("log_softmax"),
    "max_pool1d": max_pool,
    "max_pool2d": max_pool,
    "max_pool3d": max_pool,
    "maximum": lambda call: Reply([torch.stack(call.inputs).amax(0)]),
    "mish": activation_layer("mish"),
    "multiply": lambda call: Reply([torch.stack(call.inputs).prod(0)]),
    "permute": lambda call: Reply([call.inputs[0].permute(0, *(axis + 1 for axis in call.params["order"]))]),
    "pixel_shuffle": lambda call: Reply([back(F.pixel_shuffle(front(call.inputs[0]), call.params["factor"]))]),
    "prelu": lambda call: Reply([back(F.prelu(front(call.inputs[0]), call.weights["weight"]))]),
    "repeat_vector": lambda call: Reply([call.inputs[0][:, None].expand(-1, call.params["steps"], -1)]),
    "selu": activation_layer("selu"),
    "separable_conv2d": separable_conv2d,
    "slice": slice_part,
    "softplus": activation_layer("softplus"),
    "spatial_dropout": without_randomness("rate"),
    "split": split,
    "squeeze": lambda call: Reply([call.inputs[0].squeeze(batched(call.params["axis"]))]),
    "subtract": lambda call: Reply([call.inputs[0] - call.inputs[1]]),
    "upsampling2d": upsampling2d,
    "zero_pad1d": zero_pad,
    "zero_pad2d": zero_pad,
}
