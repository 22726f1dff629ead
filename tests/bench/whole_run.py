"""Times whole trainings of the fashion_cnn sample, Gradloom against PyTorch: read, shuffle, train, validate.

Gradloom also writes its files.

    python tests/bench/whole_run.py --program build/release/bin/gradloom-cli [--epochs 8] [--rounds 3]

Both start as new processes in turn. PyTorch's program is the one a careful user writes: the data set is read and scaled
once, batches are gathered by a permuted index, the loss stays on its side of the step, Adam is fused, the schedule is
the sample's cosine; the memory layout is the faster of the two and its start-up (the import) is not counted.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2] / "projects" / "fashion_cnn.gradloom.json"


def torch_run(epochs: int, channels_last: bool) -> None:
    """Trains with PyTorch and prints the test accuracy and the seconds after the import."""
    import gzip

    import numpy as np
    import torch
    from torch import nn

    started = time.perf_counter()
    project = json.loads(PROJECT.read_text())
    folder = Path(project["data"]["source"]["options"]["folder"])
    layout = torch.channels_last if channels_last else torch.contiguous_format

    def read(name: str, header: int) -> np.ndarray:
        path = folder / f"{name}.gz"
        raw = gzip.open(path).read() if path.exists() else (folder / name).read_bytes()
        return np.frombuffer(raw, np.uint8, offset=header)

    def load(part: str) -> tuple[torch.Tensor, torch.Tensor]:
        x = torch.from_numpy(read(f"{part}-images-idx3-ubyte", 16).reshape(-1, 1, 28, 28) / np.float32(255))
        return x.contiguous(memory_format=layout), torch.from_numpy(read(f"{part}-labels-idx1-ubyte", 8).astype(np.int64))

    def he(layer: nn.Module) -> nn.Module:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
        nn.init.zeros_(layer.bias)
        return layer

    torch.manual_seed(project["training"]["seed"])
    network = nn.Sequential(
        he(nn.Conv2d(1, 32, 3)), nn.ReLU(), nn.MaxPool2d(2), he(nn.Conv2d(32, 64, 3)), nn.ReLU(), nn.MaxPool2d(2),
        he(nn.Conv2d(64, 64, 3)), nn.ReLU(), nn.Flatten(), he(nn.Linear(576, 64)), nn.ReLU(), he(nn.Linear(64, 10)))
    network = network.to(memory_format=layout)
    x, y = load("train")
    order = torch.randperm(len(x))
    held = round(len(x) * project["training"]["validation_share"])
    validation, training = order[:held], order[held:]
    batch = project["training"]["batch"]
    steps = -(-len(training) // batch)
    optimizer = torch.optim.Adam(network.parameters(), lr=0.001, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * steps)
    loss_of = nn.CrossEntropyLoss()

    def accuracy(xs: torch.Tensor, ys: torch.Tensor) -> float:
        network.eval()
        with torch.inference_mode():
            right = sum(int((network(a).argmax(1) == b).sum()) for a, b in zip(xs.split(256), ys.split(256)))
        network.train()
        return right / len(xs)

    for _ in range(epochs):
        for chosen in training[torch.randperm(len(training))].split(batch):
            optimizer.zero_grad(set_to_none=True)
            loss_of(network(x[chosen].contiguous(memory_format=layout)), y[chosen]).backward()
            optimizer.step()
            schedule.step()
        accuracy(x[validation], y[validation])
    seconds = time.perf_counter() - started
    print(json.dumps({"seconds": seconds, "accuracy": accuracy(*load("t10k"))}))


def time_torch(epochs: int, channels_last: bool) -> tuple[float, float]:
    # Large blocks are kept, as in compare_pytorch.py: it doubles the speed of convolutional networks.
    keeping = {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296", "MALLOC_TOP_PAD_": "67108864"}
    command = [sys.executable, "-B", __file__, "--torch", str(epochs)] + (["--channels-last"] if channels_last else [])
    answer = subprocess.run(command, env=os.environ | keeping, check=True, capture_output=True, text=True).stdout
    result = json.loads(answer.splitlines()[-1])
    return result["seconds"], result["accuracy"]


def time_gradloom(program: str, epochs: int) -> tuple[float, float]:
    """The time of the whole process, with its files."""
    with tempfile.TemporaryDirectory() as folder:
        command = [program, "train", str(PROJECT), "--epochs", str(epochs), "--out", folder]
        started = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - started
        evaluate = [program, "evaluate", str(PROJECT), "--weights", f"{folder}/best.safetensors", "--json"]
        answer = subprocess.run(evaluate, check=True, capture_output=True, text=True).stdout
    return seconds, json.loads(answer)["accuracy"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", help="gradloom-cli")
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--torch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--channels-last", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.torch:
        return torch_run(arguments.torch, arguments.channels_last)
    if not arguments.program:
        parser.error("--program is missing")
    layouts = {last: time_torch(1, last)[0] for last in (False, True)}
    best = min(layouts, key=layouts.get)
    print(f"PyTorch, one epoch: contiguous {layouts[False]:.1f} s, channels last {layouts[True]:.1f} s")
    ratios = []
    print("\n| round | PyTorch s | accuracy | Gradloom s | accuracy | ratio |\n|---|---|---|---|---|---|")
    for index in range(arguments.rounds):
        theirs, their_score = time_torch(arguments.epochs, best)
        ours, our_score = time_gradloom(arguments.program, arguments.epochs)
        ratios.append(theirs / ours)
        print(f"| {index + 1} | {theirs:.1f} | {their_score:.4f} | {ours:.1f} | {our_score:.4f} | {ratios[-1]:.2f} |", flush=True)
    print(f"\nmedian ratio {statistics.median(ratios):.2f}")


if __name__ == "__main__":
    main()
