"""The benchmark networks as PyTorch has them by itself: N x C x H x W, scores instead of probabilities."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
import reference_generative  # noqa: E402

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
RECURRENT: dict[str, type[nn.RNNBase]] = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}
LOSSES = ("cross_entropy", "binary_cross_entropy", "gan_objective")


class LastState(nn.Module):
    """A recurrent layer of one layer and direction that gives its last state."""

    def __init__(self, layer: nn.RNNBase) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)[0][:, -1]


class Positions(nn.Module):
    """Adds the sinusoidal position of every step (Vaswani et al. 2017, section 3.5)."""

    def __init__(self, steps: int, size: int) -> None:
        super().__init__()
        column = torch.arange(size)
        angle = torch.arange(steps)[:, None] / 10000 ** ((column - column % 2) / size)
        self.register_buffer("table", torch.where(column % 2 == 0, angle.sin(), angle.cos()))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.table


class Mean(nn.Module):
    def __init__(self, *axes: int) -> None:
        super().__init__()
        self.axes = axes

    def forward(self, x: Tensor) -> Tensor:
        return x.mean(self.axes)


class Flatten(nn.Module):
    """H x W x C order where the pictures lie so in memory, so that nothing is copied."""

    def __init__(self, channels_last: bool) -> None:
        super().__init__()
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        return (x.permute(0, 2, 3, 1) if self.channels_last else x).flatten(1)


class Unflatten(nn.Module):
    """Features to pictures, in the order that does not copy."""

    def __init__(self, shape: list[int], channels_last: bool) -> None:
        super().__init__()
        self.height, self.width, self.channels = shape
        self.channels_last = channels_last

    def forward(self, x: Tensor) -> Tensor:
        if self.channels_last:
            return x.view(-1, self.height, self.width, self.channels).permute(0, 3, 1, 2)
        return x.view(-1, self.channels, self.height, self.width)


class Noise(nn.Module):
    """Normal random numbers: PyTorch's, or Gradloom's where losses are compared."""

    def __init__(self, node: str, shape: list[int], device: torch.device = torch.device("cpu")) -> None:
        super().__init__()
        self.node, self.shape, self.device = node, shape, device
        self.fed: Tensor | None = None

    def feed(self, counter: list[int], batch: int, dtype: torch.dtype) -> None:
        numbers = reference_generative.normal(torch.tensor(counter), [batch, *self.shape], self.node)
        self.fed = numbers.float().to(self.device, dtype)

    def forward(self, batch: int) -> Tensor:
        return torch.randn(batch, *self.shape, device=self.device) if self.fed is None else self.fed


class SampleZ(nn.Module):
    """The code of a variational autoencoder and the KL term of each sample (Kingma and Welling 2014)."""

    def __init__(self, node: str, size: int) -> None:
        super().__init__()
        self.noise = Noise(node, [size])

    def forward(self, mean: Tensor, log_variance: Tensor) -> tuple[Tensor, Tensor]:
        z = mean + torch.exp(0.5 * log_variance) * self.noise(len(mean))
        return z, 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)


def transformer(options: dict, size: int) -> nn.TransformerEncoder:
    block = nn.TransformerEncoderLayer(size, options["heads"], options["feed_forward"], options["dropout"],
                                       options.get("activation", "relu"), batch_first=True)
    return nn.TransformerEncoder(block, options["blocks"], enable_nested_tensor=False)


def same_padding(options: dict, extents: list[int], transposed: bool) -> list[int]:
    """What Keras' "same" adds on each side; only where it is as much on both."""
    if options.get("padding", "valid") != "same":
        return [0, 0]
    pads = []
    for extent, kernel, stride in zip(extents, options["kernel"], options.get("stride", [1, 1])):
        total = max(0, kernel - stride if transposed else (-(-extent // stride) - 1) * stride + kernel - extent)
        if total % 2:
            raise SystemExit("torch_network.py knows padding same only where both sides get as much")
        pads.append(total // 2)
    return pads


class Drawing:
    """A project's nodes, each with its layers and the shape (H x W x C) of its result."""

    def __init__(self, path: Path, channels_last: bool) -> None:
        project = json.loads(path.read_text())
        self.training = project["training"]
        self.channels_last = channels_last
        self.nodes = {node["id"]: node for node in project["nodes"]}
        self.sources: dict[str, list[str]] = {name: [] for name in self.nodes}
        for edge in sorted(project["edges"], key=lambda edge: edge.get("to_port", 0)):
            self.sources[edge["to"]].append(edge["from"])
        self.loss = next(node for node in project["nodes"] if node["type"] in LOSSES)
        self.input_shape = self._first("input")["options"]["shape"]
        self.vocabulary = (self._first("embedding") or {"options": {"vocabulary": 0}})["options"]["vocabulary"]
        self.layers: dict[str, nn.Module] = {}
        self.shapes: dict[str, list[int]] = {}
        self.order: list[str] = []
        for name in self.nodes:
            self._add(name)

    def _first(self, kind: str) -> dict | None:
        return next((node for node in self.nodes.values() if node["type"] == kind), None)

    def _add(self, name: str) -> None:
        """With everything before it."""
        if name in self.shapes or name == self.loss["id"]:
            return
        for source in self.sources[name]:
            self._add(source)
        kind = self.nodes[name]["type"]
        if kind in ("input", "noise"):
            self.shapes[name] = self.nodes[name]["options"]["shape"]
        elif kind == "real_or_fake":
            self.shapes[name] = self.shapes[self.sources[name][0]]
        else:
            shapes = [self.shapes[source] for source in self.sources[name]]
            self.layers[name] = self._layer(name, shapes[0])
            self.shapes[name] = self._shape_behind(self.layers[name], shapes, kind == "embedding")
        self.order.append(name)

    def goes_to_loss(self, name: str) -> bool:
        """As scores: nothing but a reshape between."""
        return any(name in self.sources[other] and (other == self.loss["id"] or (node["type"] == "reshape" and
                   self.goes_to_loss(other))) for other, node in self.nodes.items())

    def _layer(self, name: str, shape: list[int]) -> nn.Module:
        kind, options = self.nodes[name]["type"], self.nodes[name]["options"]
        bias = options.get("use_bias", True)
        layer: nn.Module
        if kind == "conv2d":
            layer = nn.Conv2d(shape[-1], options["filters"], options["kernel"], options.get("stride", [1, 1]),
                              same_padding(options, shape, False), bias=bias)
        elif kind == "conv_transpose2d":
            layer = nn.ConvTranspose2d(shape[-1], options["filters"], options["kernel"], options["stride"],
                                       same_padding(options, shape, True), bias=bias)
        elif kind == "dense":
            layer = nn.Linear(shape[0], options["units"], bias=bias)
        elif kind == "batch_norm":
            layer = (nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d)(shape[-1])
        elif kind == "max_pool2d":
            layer = nn.MaxPool2d(options.get("pool", [2, 2]), options.get("stride", [2, 2]))
        elif kind == "flatten":
            layer = Flatten(self.channels_last)
        elif kind == "reshape" and len(options["shape"]) == 3:
            layer = Unflatten(options["shape"], self.channels_last)
        elif kind == "dropout":
            layer = nn.Dropout(options["rate"])
        elif kind == "leaky_relu":
            layer = nn.LeakyReLU(options["negative_slope"])
        elif kind == "embedding":
            layer = nn.Embedding(options["vocabulary"], options["size"])
        elif kind == "positional_encoding":
            layer = Positions(*shape)
        elif kind == "transformer_encoder":
            return transformer(options, shape[-1])
        elif kind == "global_avg_pool1d":
            layer = Mean(1)
        elif kind == "global_avg_pool2d":
            layer = Mean(2, 3)
        elif kind == "sample_z":
            layer = SampleZ(name, shape[0])
        elif kind in RECURRENT and options.keys() <= {"units"}:
            layer = LastState(RECURRENT[kind](shape[-1], options["units"], batch_first=True))
        else:
            raise SystemExit(f"{kind} is not known to torch_network.py")
        activation = options.get("activation", "none")
        if activation not in ACTIVATIONS or self.goes_to_loss(name):  # the losses take scores
            return layer
        return nn.Sequential(layer, ACTIVATIONS[activation]())

    @staticmethod
    @torch.no_grad()
    def _shape_behind(layer: nn.Module, shapes: list[list[int]], tokens: bool) -> list[int]:
        values = [torch.zeros(2, *shape, dtype=torch.long if tokens else None) for shape in shapes]
        values = [x.permute(0, 3, 1, 2) if len(shape) == 3 else x for x, shape in zip(values, shapes)]
        result = layer(*values)
        x = result[0] if isinstance(result, tuple) else result
        return list((x.permute(0, 2, 3, 1) if x.dim() == 4 else x).shape[1:])

    def map_before(self, name: str) -> list[int] | None:
        """The map H x W x C that was flattened before this Dense, where its rows have another order than Gradloom's."""
        source = self.sources[name][0]
        while self.nodes[source]["type"] in ("dropout", "leaky_relu"):
            source = self.sources[source][0]
        flattened = self.nodes[source]["type"] == "flatten" and not self.channels_last
        return self.shapes[self.sources[source][0]] if flattened else None

    def map_behind(self, name: str) -> list[int] | None:
        """The same for its columns. The weights of a BatchNorm between are all alike and have no order."""
        for other, node in self.nodes.items():
            if name in self.sources[other] and node["type"] == "batch_norm":
                return self.map_behind(other)
            if name in self.sources[other] and node["type"] == "reshape" and not self.channels_last:
                return self.shapes[other]
        return None

    def weights(self) -> dict[str, np.ndarray]:
        """All weights by the names and in the layouts of Gradloom: kh x kw x C x K, in x out, H x W x C."""
        result: dict[str, Tensor] = {}
        for name, whole in self.layers.items():
            layer = whole[0] if isinstance(whole, nn.Sequential) else whole
            if isinstance(layer, LastState):
                result |= recurrent_weights(name, layer.layer)
            elif isinstance(layer, nn.TransformerEncoder):
                result |= transformer_weights(name, layer)
            elif isinstance(layer, nn.Linear):
                result |= self._dense_weights(name, layer)
            elif isinstance(layer, nn.Embedding):
                result[f"{name}.weight"] = layer.weight
            elif isinstance(layer, (nn.BatchNorm1d, nn.BatchNorm2d)):
                result |= {f"{name}.{key}": getattr(layer, key)
                           for key in ("weight", "bias", "running_mean", "running_var")}
            elif isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
                result[f"{name}.weight"] = layer.weight.permute(2, 3, 1, 0)
                if layer.bias is not None:
                    result[f"{name}.bias"] = layer.bias
        return {key: tensor.detach().cpu().contiguous().numpy().copy() for key, tensor in result.items()}

    def _dense_weights(self, name: str, layer: nn.Linear) -> dict[str, Tensor]:
        weight = layer.weight.detach().T
        if picture := self.map_before(name):
            height, width, channels = picture
            weight = weight.reshape(channels, height, width, -1).permute(1, 2, 0, 3).flatten(0, 2)
        bias = {} if layer.bias is None else {f"{name}.bias": layer.bias}
        if picture := self.map_behind(name):
            height, width, channels = picture
            weight = weight.reshape(-1, channels, height, width).permute(0, 2, 3, 1).flatten(1)
            bias = {key: b.view(channels, height, width).permute(1, 2, 0).flatten() for key, b in bias.items()}
        return {f"{name}.weight": weight, **bias}


def recurrent_weights(name: str, layer: nn.RNNBase) -> dict[str, Tensor]:
    """PyTorch has a second bias everywhere, Gradloom where it matters: in the GRU."""
    weight, recurrent, bias, second = (p.detach() for p in layer.parameters())
    both = torch.stack([bias, second]) if isinstance(layer, nn.GRU) else bias + second
    return {f"{name}.weight": weight.T, f"{name}.recurrent_weight": recurrent.T, f"{name}.bias": both}


def transformer_weights(name: str, layer: nn.TransformerEncoder) -> dict[str, Tensor]:
    tensors: dict[str, Tensor] = {}
    for number, block in enumerate(layer.layers, 1):
        attention = block.self_attn
        for part, weight, bias in zip(("query", "key", "value"), attention.in_proj_weight.chunk(3),
                                      attention.in_proj_bias.chunk(3)):
            tensors |= {f"block{number}_{part}_weight": weight.T, f"block{number}_{part}_bias": bias}
        for part, linear in (("output", attention.out_proj), ("feed1", block.linear1), ("feed2", block.linear2)):
            tensors |= {f"block{number}_{part}_weight": linear.weight.T, f"block{number}_{part}_bias": linear.bias}
        for part, norm in (("norm1", block.norm1), ("norm2", block.norm2)):
            tensors |= {f"block{number}_{part}_weight": norm.weight, f"block{number}_{part}_bias": norm.bias}
    return {f"{name}.{key}": tensor for key, tensor in tensors.items()}


class Part(nn.Module):
    """The nodes of a drawing between some values that are given and a result."""

    def __init__(self, drawing: Drawing, given: str, result: str) -> None:
        super().__init__()
        needed = self._before(drawing, given, result)
        self.given, self.result = given, result
        self.steps = [(name, drawing.sources[name]) for name in drawing.order if name in needed]
        self.layers = nn.ModuleDict({name: drawing.layers[name] for name, _ in self.steps})

    @staticmethod
    def _before(drawing: Drawing, given: str, result: str) -> set[str]:
        if result == given:
            return set()
        return {result}.union(*(Part._before(drawing, given, source) for source in drawing.sources[result]))

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor | None]:
        """The result, and the KL term where there is one."""
        values: dict[str, Tensor] = {self.given: x}
        divergence: Tensor | None = None
        for name, sources in self.steps:
            value = self.layers[name](*[values[source] for source in sources])
            if isinstance(value, tuple):
                value, divergence = value
            values[name] = value
        return values[self.result], divergence
