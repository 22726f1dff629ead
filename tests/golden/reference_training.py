"""Whole networks in PyTorch: optimizers over 20 steps, the losses of a convolutional network, Grad-CAM.

The networks are project files, which the tests in C++ train too; a drawing is followed node by node with the layers of
reference_layers.py.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import safetensors_file
from reference_layers import REFERENCES, Call

STEPS = 20
OPTIMIZERS = {  # the same names and options are in test_golden_training.cpp
    "sgd": lambda w: torch.optim.SGD(w, lr=0.1),
    "momentum": lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9),
    "nesterov": lambda w: torch.optim.SGD(w, lr=0.05, momentum=0.9, nesterov=True),
    "adam": lambda w: torch.optim.Adam(w, lr=0.01),
    "adam_options": lambda w: torch.optim.Adam(w, lr=0.02, betas=(0.8, 0.99), eps=1e-3),
}
DEFAULTS = {  # of options that the project files leave out
    "conv2d": {"stride": [1, 1], "padding": "valid", "dilation": [1, 1], "groups": 1, "activation": "none", "l1": 0,
               "l2": 0, "frozen": False},
    "dense": {"activation": "none", "l1": 0, "l2": 0, "frozen": False},
    "max_pool2d": {"pool": [2, 2], "stride": [2, 2], "padding": "valid"},
    "cross_entropy": {"weight": 1, "label_smoothing": 0, "padding_token": -1},
    "mse": {"weight": 1},
}


def uniform(seed: int, count: int) -> np.ndarray:
    """Numbers in [0, 1), multiples of 2^-24: splitmix64 (Steele et al. 2014) of counters. golden_random.h does it too,
    so that large contents need not be stored."""
    with np.errstate(over="ignore"):
        z = (np.uint64(seed) << np.uint64(32)) + np.arange(1, count + 1, dtype=np.uint64)
        z *= np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z ^= z >> np.uint64(31)
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-24


class Network:
    """A project's drawing, a chain of nodes."""

    def __init__(self, path: Path) -> None:
        project = json.loads(path.read_text())
        successor = {edge["from"]: edge["to"] for edge in project["edges"]}
        nodes = {node["id"]: node for node in project["nodes"]}
        node_id = next(node["id"] for node in project["nodes"] if node["type"] == "input")
        self.shape: list[int] = nodes[node_id]["options"]["shape"]
        self.nodes: list[dict] = []
        while node_id in successor:
            node_id = successor[node_id]
            node = nodes[node_id]
            options = DEFAULTS.get(node["type"], {}) | node["options"]
            self.nodes.append({"id": node_id, "type": node["type"], "options": options})

    def weights(self) -> dict[str, Tensor]:
        """Starting weights as golden_random.h makes them: the k-th in the order of names from seed k + 1."""
        shapes: dict[str, list[int]] = {}
        x = torch.zeros(1, *self.shape)
        for node in self.nodes[:-1]:
            options = node["options"]
            weights: dict[str, Tensor] = {}
            if node["type"] == "conv2d":
                kernel = options["kernel"] = options.get("kernel", [3, 3])
                weights = {"weight": torch.zeros(*kernel, x.shape[-1], options["filters"])}
            elif node["type"] == "dense":
                weights = {"weight": torch.zeros(x.shape[-1], options["units"])}
            if weights:
                weights["bias"] = torch.zeros(weights["weight"].shape[-1])
            shapes |= {f"{node['id']}.{name}": list(weight.shape) for name, weight in weights.items()}
            x = REFERENCES[node["type"]](Call(options, [x], weights, False)).results[0]
        result = {}
        for k, name in enumerate(sorted(shapes)):
            shape = shapes[name]
            limit = np.sqrt(6.0 / np.prod(shape[:-1])) if name.endswith(".weight") else 0.1
            values = ((uniform(k + 1, int(np.prod(shape))) * 2 - 1) * limit).astype(np.float32)
            result[name] = torch.tensor(values.reshape(shape)).double().requires_grad_()
        return result

    def forward(self, x: Tensor, weights: dict[str, Tensor], training: bool = True) -> dict[str, Tensor]:
        """Results of all nodes but the loss; "scores" are those before a last softmax."""
        results = {}
        for node in self.nodes[:-1]:
            own = {name.split(".")[1]: w for name, w in weights.items() if name.startswith(node["id"] + ".")}
            if node is self.nodes[-2] and node["options"].get("activation") == "softmax":
                linear = node["options"] | {"activation": "none"}
                results["scores"] = REFERENCES[node["type"]](Call(linear, [x], own, training)).results[0]
            x = REFERENCES[node["type"]](Call(node["options"], [x], own, training)).results[0]
            results[node["id"]] = x
        results.setdefault("scores", x)
        return results

    def loss(self, x: Tensor, labels: Tensor, weights: dict[str, Tensor]) -> Tensor:
        loss = self.nodes[-1]
        call = Call(loss["options"], [self.forward(x, weights)["scores"], labels], {}, True)
        return REFERENCES[loss["type"]](call).results[0].mean()


def batch(shape: list[int], size: int, classes: int, step: int) -> tuple[Tensor, Tensor]:
    """Random samples with something to learn, as golden_random.h makes them: half is the class's own pattern."""
    elements = int(np.prod(shape))
    labels = np.floor(uniform(1000 + step, size) * classes).astype(np.int32)
    noise = uniform(2000 + step, size * elements).reshape(size, elements)
    patterns = uniform(3000, classes * elements).reshape(classes, elements)
    samples = (0.5 * noise + 0.5 * patterns[labels]).astype(np.float32)
    return torch.tensor(samples.reshape(size, *shape)).double(), torch.tensor(labels)


def make_optimizers(folder: Path) -> None:
    """All weights after each of 20 steps, stacked: "<optimizer>.<weight>"."""
    network = Network(folder / "models" / "small_dense.gradloom.json")
    tensors = {}
    for name, create in OPTIMIZERS.items():
        weights = network.weights()
        optimizer = create(list(weights.values()))
        history: dict[str, list[np.ndarray]] = {key: [] for key in weights}
        for step in range(STEPS):
            optimizer.zero_grad()
            network.loss(*batch(network.shape, 8, 3, step), weights).backward()
            optimizer.step()
            for key, weight in weights.items():
                history[key].append(weight.detach().numpy().astype(np.float32))
        tensors |= {f"{name}.{key}": np.stack(values) for key, values in history.items()}
    safetensors_file.save(folder / "training" / "optimizers.safetensors", tensors)


def make_losses(folder: Path) -> None:
    """Losses of the first 20 steps of the classic convolutional network, and its weights' norms behind them.

    With the usual epsilon the first steps of Adam are as long for tiny gradients as for large ones, which makes
    differences of any rounding errors; a large one keeps the numbers comparable.
    """
    network = Network(folder / "models" / "classic_cnn.gradloom.json")
    weights = network.weights()
    optimizer = torch.optim.Adam(list(weights.values()), lr=1e-3, eps=1e-3)
    losses = []
    for step in range(STEPS):
        optimizer.zero_grad()
        loss = network.loss(*batch(network.shape, 16, 10, step), weights)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    tensors = {"losses": np.asarray(losses, np.float32)}
    tensors |= {f"norm.{name}": np.asarray([w.detach().norm().item()], np.float32) for name, w in weights.items()}
    safetensors_file.save(folder / "training" / "classic_cnn.safetensors", tensors)


def make_gradcam(folder: Path) -> None:
    """Maps before resizing, "<node>.<class>": ReLU(sum over k of mean(dy/dA_k) A_k), Selvaraju et al. 2017."""
    network = Network(folder / "models" / "small_cnn.gradloom.json")
    weights = network.weights()
    picture, _ = batch(network.shape, 1, 4, 0)
    tensors = {}
    for layer in (node["id"] for node in network.nodes if node["type"] in ("conv2d", "max_pool2d")):
        for chosen in range(4):
            results = network.forward(picture, weights, training=False)
            features = results[layer]
            (gradient,) = torch.autograd.grad(results["scores"][0, chosen], features)
            heat = F.relu((gradient.mean((1, 2), keepdim=True) * features).sum(-1))[0]
            tensors[f"{layer}.{chosen}"] = heat.detach().numpy().astype(np.float32)
    tensors["probabilities"] = torch.softmax(results["scores"][0], -1).detach().numpy().astype(np.float32)
    safetensors_file.save(folder / "explain" / "gradcam.safetensors", tensors)


def make_all(folder: Path) -> None:
    make_optimizers(folder)
    make_losses(folder)
    make_gradcam(folder)
