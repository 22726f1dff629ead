"""Trains the benchmark networks on PyTorch; compare_pytorch.py starts it and sends one JSON command a line.

A command {"model", "batch", "layout", "compile", "threads", "adam"} with "steps" times steps and answers with their
milliseconds; with "losses" (a folder) it writes weights.safetensors and data.safetensors there, trains 20 steps from
them without dropout and answers with the losses. Everything made for a command is kept for the next one of its kind.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "golden"))
import safetensors_file  # noqa: E402

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {"relu": nn.ReLU, "tanh": nn.Tanh, "sigmoid": nn.Sigmoid}
BATCHES = 4  # batches in memory, used in turn
CHECKED_STEPS = 20


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


class MeanOverTime(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x.mean(1)


def transformer(options: dict, size: int) -> nn.TransformerEncoder:
    block = nn.TransformerEncoderLayer(size, options["heads"], options["feed_forward"], options["dropout"],
                                       options.get("activation", "relu"), batch_first=True)
    return nn.TransformerEncoder(block, options["blocks"], enable_nested_tensor=False)


RECURRENT: dict[str, type[nn.RNNBase]] = {"simple_rnn": nn.RNN, "lstm": nn.LSTM, "gru": nn.GRU}


class TorchNetwork(nn.Sequential):
    """A project's chain of nodes as PyTorch has it by itself: N x C x H x W, scores instead of probabilities."""

    def __init__(self, path: Path) -> None:
        project = json.loads(path.read_text())
        self.nodes = project["nodes"]
        self.input_shape: list[int] = self.nodes[0]["options"]["shape"]
        self.vocabulary = next((node["options"]["vocabulary"] for node in self.nodes if node["type"] == "embedding"), 0)
        self.binary = self.nodes[-1]["type"] == "binary_cross_entropy"
        self.named: list[tuple[str, nn.Module, list[int] | None]] = []  # node, layer, map that was flattened before it
        modules: list[nn.Module] = []
        shape = self.input_shape
        tokens = self.vocabulary > 0
        flattened: list[int] | None = None
        for node in self.nodes[1:-1]:
            kind, options = node["type"], node["options"]
            layers = self._layers(kind, options, shape)
            if kind in RECURRENT:
                self.named.append((node["id"], layers[0].layer, None))
            if kind == "transformer_encoder":
                self.named.append((node["id"], layers[0], None))
            if kind in ("conv2d", "dense", "embedding"):
                self.named.append((node["id"], layers[0], flattened if kind == "dense" else None))
                flattened = None
            if kind == "flatten":
                flattened = shape
            modules += layers
            if kind == "dense" and self.binary:
                modules.pop()  # the loss takes scores
            shape = self._shape_behind(layers, shape, tokens)
            tokens = False
        super().__init__(*modules)
        self.classes = 2 if self.binary else shape[0]

    @staticmethod
    def _layers(kind: str, options: dict, shape: list[int]) -> list[nn.Module]:
        if kind == "conv2d":
            layer: nn.Module = nn.Conv2d(shape[-1], options["filters"], options["kernel"],
                                         padding=options.get("padding", "valid"))
        elif kind == "dense":
            layer = nn.Linear(shape[0], options["units"])
        elif kind == "max_pool2d":
            layer = nn.MaxPool2d(options.get("pool", [2, 2]), options.get("stride", [2, 2]))
        elif kind == "flatten":
            layer = nn.Flatten()
        elif kind == "dropout":
            layer = nn.Dropout(options["rate"])
        elif kind == "embedding":
            layer = nn.Embedding(options["vocabulary"], options["size"])
        elif kind == "positional_encoding":
            layer = Positions(*shape)
        elif kind == "transformer_encoder":
            return [transformer(options, shape[-1])]
        elif kind == "global_avg_pool1d":
            layer = MeanOverTime()
        elif kind in RECURRENT and options.keys() <= {"units"}:
            layer = LastState(RECURRENT[kind](shape[-1], options["units"], batch_first=True))
        else:
            raise SystemExit(f"{kind} is not known to torch_worker.py")
        activation = options.get("activation", "none")
        return [layer] + ([ACTIVATIONS[activation]()] if activation in ACTIVATIONS else [])

    @staticmethod
    def _shape_behind(layers: list[nn.Module], shape: list[int], tokens: bool) -> list[int]:
        x = torch.zeros(1, *shape, dtype=torch.long if tokens else None)
        x = x.permute(0, 3, 1, 2) if len(shape) == 3 else x
        for layer in layers:
            x = layer(x)
        return list((x.permute(0, 2, 3, 1) if x.dim() == 4 else x).shape[1:])

    def weights(self) -> dict[str, np.ndarray]:
        """All weights by the names and in the layouts of Gradloom: kh x kw x C x K, in x out, flattened H x W x C."""
        result = {}
        for name, layer, flattened in self.named:
            if isinstance(layer, nn.RNNBase):
                result |= self._recurrent_weights(name, layer)
                continue
            if isinstance(layer, nn.TransformerEncoder):
                result |= self._transformer_weights(name, layer)
                continue
            weight = layer.weight.detach()
            if isinstance(layer, nn.Embedding):
                result[f"{name}.weight"] = weight.numpy().copy()
                continue
            if weight.dim() == 4:
                weight = weight.permute(2, 3, 1, 0)
            elif flattened:
                height, width, channels = flattened
                weight = weight.reshape(-1, channels, height, width).permute(2, 3, 1, 0).flatten(0, 2)
            else:
                weight = weight.T
            result[f"{name}.weight"] = weight.contiguous().numpy().copy()
            result[f"{name}.bias"] = layer.bias.detach().numpy().copy()
        return result

    @staticmethod
    def _recurrent_weights(name: str, layer: nn.RNNBase) -> dict[str, np.ndarray]:
        """PyTorch has a second bias everywhere, Gradloom where it matters: in the GRU."""
        weight, recurrent, bias, second = (p.detach() for p in layer.parameters())
        both = torch.stack([bias, second]) if isinstance(layer, nn.GRU) else bias + second
        tensors = {"weight": weight.T, "recurrent_weight": recurrent.T, "bias": both}
        return {f"{name}.{key}": tensor.contiguous().numpy().copy() for key, tensor in tensors.items()}

    @staticmethod
    def _transformer_weights(name: str, layer: nn.TransformerEncoder) -> dict[str, np.ndarray]:
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
        return {f"{name}.{key}": tensor.detach().contiguous().numpy().copy() for key, tensor in tensors.items()}


class Trainer:
    """A network with its optimizer in one setting."""

    def __init__(self, setting: dict, checked: bool = False) -> None:
        """`checked`: exactly as Gradloom trains, without dropout, for comparing losses."""
        torch.manual_seed(1)
        self.network = TorchNetwork(Path(setting["model"]))
        self.memory = torch.channels_last if setting["layout"] == "channels_last" else torch.contiguous_format
        if len(self.network.input_shape) == 3:
            self.network.to(memory_format=self.memory)
        if checked:
            for layer in self.network.modules():
                if isinstance(layer, nn.Dropout):
                    layer.p = 0.0
                if isinstance(layer, (nn.RNN, nn.LSTM)):  # a second bias would double the steps of the first
                    layer.bias_hh_l0.requires_grad_(False).zero_()
        flags = {"foreach": {"foreach": True}, "fused": {"fused": True}, "loop": {"foreach": False}}[setting["adam"]]
        self.optimizer = torch.optim.Adam(self.network.parameters(), lr=1e-3, **flags)
        network = self.network
        scores = nn.CrossEntropyLoss()
        binary = nn.BCEWithLogitsLoss()
        self.loss: Callable[[Tensor, Tensor], Tensor] = (
            (lambda x, t: binary(network(x)[:, 0], t.float())) if network.binary else lambda x, t: scores(network(x), t))
        self.update: Callable[[], object] = self.optimizer.step
        if setting["compile"] != "nothing":
            self.loss = torch.compile(self.loss)
        if setting["compile"] == "all":
            self.update = torch.compile(self.optimizer.step)

    def laid_out(self, samples: np.ndarray) -> Tensor:
        """N x H x W x C to the layout of this setting; tokens stay as they are."""
        x = torch.tensor(samples).long() if samples.dtype == np.int32 else torch.tensor(samples)
        return x.permute(0, 3, 1, 2).contiguous(memory_format=self.memory) if x.dim() == 4 else x

    def step(self, x: Tensor, labels: Tensor) -> Tensor:
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss(x, labels)
        loss.backward()
        self.update()
        return loss


def random_samples(random: np.random.Generator, network: TorchNetwork, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in [0, 1), or tokens but the padding 0."""
    if network.vocabulary:
        return random.integers(1, network.vocabulary, shape).astype(np.int32)
    return random.random(shape, dtype=np.float32)


class Timed:
    """A trainer with random batches in memory."""

    def __init__(self, setting: dict) -> None:
        self.trainer = Trainer(setting)
        network = self.trainer.network
        random = np.random.default_rng(1)
        shape = (setting["batch"], *network.input_shape)
        self.data = [(self.trainer.laid_out(random_samples(random, network, shape)),
                      torch.tensor(random.integers(0, network.classes, setting["batch"]))) for _ in range(BATCHES)]
        self.number = 0
        self.times(10)

    def times(self, steps: int) -> list[float]:
        result = []
        for _ in range(steps):
            x, labels = self.data[self.number % BATCHES]
            self.number += 1
            begin = time.perf_counter()
            self.trainer.step(x, labels).item()
            result.append(1e3 * (time.perf_counter() - begin))
        return result


def losses(setting: dict, folder: Path) -> list[float]:
    trainer = Trainer(setting, checked=True)
    network = trainer.network
    random = np.random.default_rng(2)
    labels = random.integers(0, network.classes, (CHECKED_STEPS, setting["batch"])).astype(np.int32)
    patterns = random_samples(random, network, (network.classes, *network.input_shape))
    noise = random_samples(random, network, (*labels.shape, *network.input_shape))
    if network.vocabulary:
        samples = np.where(random.random(noise.shape) < 0.5, patterns[labels], noise).astype(np.int32)
    else:
        samples = (0.5 * (patterns[labels] + noise)).astype(np.float32)
    safetensors_file.save(folder / "weights.safetensors", network.weights())
    safetensors_file.save(folder / "data.safetensors", {"samples": samples, "labels": labels})
    return [trainer.step(trainer.laid_out(x), torch.tensor(t).long()).item() for x, t in zip(samples, labels)]


def main() -> None:
    torch.set_flush_denormal(True)
    kept: dict[str, Timed] = {}
    for line in sys.stdin:
        command = json.loads(line)
        steps, folder = command.pop("steps", 0), command.pop("losses", None)
        torch.set_num_threads(command["threads"])
        try:
            if folder:
                reply: object = losses(command, Path(folder))
            else:
                key = json.dumps(command, sort_keys=True)
                if key not in kept:
                    kept[key] = Timed(command)
                reply = kept[key].times(steps)
        except Exception as error:  # a setting that PyTorch cannot do here is left out by the caller
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
