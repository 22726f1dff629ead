"""Makes the golden numbers that the engine's tests compare with, by PyTorch in double precision.

    python tests/golden/make_golden.py --samples build/release/bin/golden_samples

Everything random comes from fixed seeds. Files are only rewritten as a whole; see README.md beside this file.
"""

from __future__ import annotations

import argparse
import importlib
import json
import subprocess
import zlib
from pathlib import Path
from typing import Callable

import numpy as np
import torch
from torch import Tensor

import reference_train
import reference_training
import safetensors_file
from reference_layers import Call, Reply

FOLDER = Path(__file__).resolve().parent


def references() -> dict[str, Callable[[Call], Reply]]:
    """The tables REFERENCES of all reference_*.py together."""
    modules = [importlib.import_module(file.stem) for file in sorted(FOLDER.glob("reference_*.py"))]
    return {layer: call for module in modules for layer, call in getattr(module, "REFERENCES", {}).items()}


REFERENCES = references()


def contents(description: dict) -> dict[str, np.ndarray]:
    """Random contents for all tensors that the layer takes from outside."""
    random = np.random.default_rng(zlib.crc32(f"{description['layer']} {description['sample']}".encode()))
    inputs = description["inputs"]
    last = inputs[0]["shape"][-1:] if inputs else []
    classes = max(2, *last) if last else description["params"].get("classes", 10)
    arrays = {}
    for tensor in description["tensors"]:
        shape = tensor["shape"]
        if tensor["dtype"] == "int32":
            arrays[tensor["name"]] = np.asarray(random.integers(0, classes, shape), np.int32)
        elif tensor["name"].endswith("running_var"):
            arrays[tensor["name"]] = np.asarray(random.uniform(0.5, 1.5, shape), np.float32)
        else:
            arrays[tensor["name"]] = np.asarray(random.normal(size=shape), np.float32)
    return arrays


def numbers(tensor: Tensor) -> np.ndarray:
    array = tensor.detach().numpy()
    return array.astype(np.float32) if array.dtype == np.float64 else array


def computed(description: dict, arrays: dict[str, np.ndarray], training: bool) -> dict[str, np.ndarray]:
    """Results, gradients of sum(coefficient * result) + penalty, metrics and state after the step."""
    leaves: dict[str, Tensor] = {}
    kinds = {tensor["name"]: tensor["kind"] for tensor in description["tensors"]}
    for name, array in arrays.items():
        leaf = torch.tensor(array)
        leaves[name] = leaf.double().requires_grad_(kinds[name] != "state") if leaf.is_floating_point() else leaf
    coefficients = {name: leaf for name, leaf in leaves.items() if name[0] == "c" and name[1:].isdigit()}
    given = iter([leaf for name, leaf in leaves.items() if kinds[name] == "input" and name not in coefficients])
    # A port without connection is a float input without extents: None, or left out behind the last one connected.
    inputs = [None if port == {"shape": [], "dtype": "float32"} else next(given) for port in description["inputs"]]
    inputs += given
    while inputs and inputs[-1] is None:
        inputs.pop()
    weights = {name.removeprefix("node."): leaf for name, leaf in leaves.items() if kinds[name] != "input"}
    reply: Reply = REFERENCES[description["layer"]](Call(description["params"], inputs, weights, training))

    stored = {f"result{i}": numbers(result) for i, result in enumerate(reply.results)}
    stored |= {f"metric.{name}": numbers(metric) for name, metric in reply.metrics.items()}
    stored |= {f"after.node.{name}": numbers(state) for name, state in reply.after.items()}
    terms = [(result * coefficients[f"c{i}"]).sum()
             for i, result in enumerate(reply.results) if result.is_floating_point()]
    total = sum(terms + ([] if reply.penalty is None else [reply.penalty]))
    targets = {name: leaf for name, leaf in leaves.items()
               if leaf.requires_grad and name not in coefficients}
    if targets and torch.is_tensor(total) and total.requires_grad:
        gradients = torch.autograd.grad(total, list(targets.values()), allow_unused=True)
        for (name, leaf), gradient in zip(targets.items(), gradients):
            stored[f"gradient.{name}"] = numbers(torch.zeros_like(leaf) if gradient is None else gradient)
    return stored


def equal(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def make_layers(descriptions: list[dict]) -> None:
    """One file for each layer: "<sample>.<tensor>" and "<sample>.<mode>.<result>"."""
    files: dict[str, tuple[dict[str, np.ndarray], dict[str, str]]] = {}
    for description in descriptions:
        tensors, metadata = files.setdefault(description["layer"], ({}, {}))
        sample = description["sample"]
        arrays = contents(description)
        tensors |= {f"{sample}.{name}": array for name, array in arrays.items()}
        modes = {"inference": computed(description, arrays, False)}
        if not description["random_in_training"]:
            modes["training"] = computed(description, arrays, True)
            if equal(modes["training"], modes["inference"]):
                modes = {"any": modes["training"]}
        for mode, stored in modes.items():
            tensors |= {f"{sample}.{mode}.{name}": array for name, array in stored.items()}
        metadata[f"sample{sample}"] = json.dumps(description, sort_keys=True)
    for old in (FOLDER / "layers").glob("*.safetensors"):
        old.unlink()
    for layer, (tensors, metadata) in files.items():
        safetensors_file.save(FOLDER / "layers" / f"{layer}.safetensors", tensors, metadata)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=Path, required=True,
                        help="the program golden_samples of a build, which lists layers and samples")
    arguments = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    torch.use_deterministic_algorithms(True)
    descriptions = json.loads(subprocess.run([arguments.samples], check=True, capture_output=True).stdout)
    missing = sorted({d["layer"] for d in descriptions} - REFERENCES.keys())
    if missing:
        raise SystemExit(f"no reference_*.py has a reference for: {', '.join(missing)}")
    make_layers(descriptions)
    reference_training.make_all(FOLDER)
    reference_train.make_all(FOLDER)
    total = sum(file.stat().st_size for file in FOLDER.rglob("*.safetensors"))
    print(f"{len(descriptions)} samples by PyTorch {torch.__version__}, {total} bytes")


if __name__ == "__main__":
    main()
