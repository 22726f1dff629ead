"""Trains the benchmark networks on PyTorch; compare_pytorch.py starts it and sends one JSON command a line.

A command {"model", "batch", "layout", "compile", "threads", "adam", "sparse", "device", "precision"} with "steps" times steps and answers
with their milliseconds; with "seconds" it times as many steps as fit into them, at least five and at most twenty;
with "losses" (a folder) it writes weights.safetensors and data.safetensors there, trains 20 steps from them without
dropout and with Gradloom's noise, and answers with the losses in single and in double precision; {"memory": device}
answers with the peak resident bytes after the imports and now, for a GPU with the bytes of its memory that are taken,
when it was first asked and now. Everything made for a command is kept for the next one of its kind.
"""

from __future__ import annotations

import json
import re
import sys
import time
from pathlib import Path
from typing import Callable, Iterable

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from torch_network import Drawing, Noise, Part
import safetensors_file  # beside torch_network's references

BATCHES = 4  # batches in memory, used in turn
CHECKED_STEPS = 20
SEED = 1
EXACT_SECONDS = 60  # convolutions in double precision are slow: as many of the checked steps as fit into this


def peak_resident_bytes() -> int:
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text()).group(1)) * 1024


def bytes_taken(device: str) -> int:
    if device == "cpu":
        return peak_resident_bytes()
    free, total = torch.cuda.mem_get_info(torch.device(device))
    return total - free


def choose_arithmetic(setting: dict) -> None:
    torch.set_num_threads(setting["threads"])
    rounded = setting["precision"] != "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = rounded
    torch.backends.cudnn.benchmark = True  # the fastest of its algorithms, by measurement


class Trainer:
    """A network with its optimizers in one setting."""

    def __init__(self, setting: dict, checked: bool) -> None:
        """`checked`: exactly as Gradloom trains, without dropout, for comparing losses."""
        torch.manual_seed(SEED)
        self.channels_last = setting["layout"] == "channels_last"
        self.memory = torch.channels_last if self.channels_last else torch.contiguous_format
        self.drawing = Drawing(Path(setting["model"]), self.channels_last)
        self.setting, self.checked, self.number = setting, checked, 0
        self.dtype = torch.float32
        self.device = torch.device(setting["device"])
        for module in self.modules():
            module.to(device=self.device, memory_format=self.memory)
            if isinstance(module, Noise):
                module.device = self.device
            if isinstance(module, nn.Embedding):
                module.sparse = setting["sparse"]
            if checked and isinstance(module, nn.Dropout):
                module.p = 0.0
            if checked and isinstance(module, (nn.RNN, nn.LSTM)):  # a second bias would double the steps of the first
                module.bias_hh_l0.requires_grad_(False).zero_()

    def modules(self) -> Iterable[nn.Module]:
        return (module for layer in self.drawing.layers.values() for module in layer.modules())

    def compiled(self, function: Callable) -> Callable:
        if self.device.type != "cpu" and self.setting["precision"] == "bf16":
            function = torch.autocast(self.device.type, torch.bfloat16)(function)
        if self.setting["compile"] == "nothing":
            return function
        return torch.compile(function, mode="reduce-overhead" if self.setting["compile"] == "graphs" else None)

    def adam(self, parameters: Iterable[nn.Parameter], optimizer: dict) -> torch.optim.Adam:
        flags = {"foreach": {"foreach": True}, "fused": {"fused": True}, "loop": {"foreach": False}}
        options = optimizer["options"]
        result = torch.optim.Adam(parameters, lr=options["learning_rate"],
                                  betas=(options.get("beta1", 0.9), options.get("beta2", 0.999)),
                                  **flags[self.setting["adam"]])
        if self.setting["compile"] == "all":
            result.step = torch.compile(result.step)
        return result

    def feed(self, noise: Noise, batch: int, other: int = 0) -> None:
        """Gradloom's random numbers of this step; see StepPlace in engine/train."""
        if self.checked:
            noise.feed([SEED, other, self.number, 0], batch, self.dtype)

    def double(self) -> None:
        """Goes on in double precision."""
        self.dtype = torch.float64
        for layer in self.drawing.layers.values():
            layer.double()

    def classes_of(self, labels: np.ndarray) -> Tensor:
        return torch.tensor(labels, dtype=torch.int64, device=self.device)

    def laid_out(self, samples: np.ndarray) -> Tensor:
        """N x H x W x C to the layout of this setting; tokens stay as they are."""
        dtype = torch.int64 if samples.dtype == np.int32 else self.dtype
        x = torch.tensor(samples, dtype=dtype, device=self.device)
        return x.permute(0, 3, 1, 2).contiguous(memory_format=self.memory) if x.dim() == 4 else x


class Supervised(Trainer):
    def __init__(self, setting: dict, checked: bool = False) -> None:
        super().__init__(setting, checked)
        drawing = self.drawing
        targets = drawing.sources[drawing.loss["id"]]
        self.network = Part(drawing, "input_1", targets[0])
        self.network.train()
        self.noises = [module for module in self.modules() if isinstance(module, Noise)]
        self.classes = drawing.shapes[targets[0]][-1] if drawing.loss["type"] == "cross_entropy" else 2
        tables = [module.weight for module in self.modules() if isinstance(module, nn.Embedding) and module.sparse]
        self.optimizers: list[torch.optim.Optimizer] = [
            self.adam((p for p in self.network.parameters() if p.requires_grad and all(p is not t for t in tables)),
                      drawing.training["optimizer"])]
        if tables:
            self.optimizers.append(torch.optim.SparseAdam(tables, lr=drawing.training["optimizer"]["options"]["learning_rate"]))
        repaints = len(targets) > 1  # the loss compares with the input
        weight = drawing.loss["options"].get("weight", 1.0)

        def loss(x: Tensor, labels: Tensor) -> Tensor:
            scores, divergence = self.network(x)
            if drawing.loss["type"] == "cross_entropy":
                return F.cross_entropy(scores, labels)
            if not repaints:
                return F.binary_cross_entropy_with_logits(scores[:, 0], labels.to(scores.dtype))
            value = weight * F.binary_cross_entropy_with_logits(scores, x)
            return value if divergence is None else value + divergence.mean()

        self.loss = self.compiled(loss)

    def step(self, x: Tensor, labels: Tensor) -> list[Tensor]:
        for noise in self.noises:
            self.feed(noise, len(x))
        for optimizer in self.optimizers:
            optimizer.zero_grad(set_to_none=True)
        if self.checked:  # SparseAdam adds epsilon before it corrects the second moment, Adam and Gradloom behind it
            for optimizer in self.optimizers[1:]:
                optimizer.param_groups[0]["eps"] = 1e-8 * (1 - 0.999 ** (self.number + 1)) ** 0.5
        loss = self.loss(x, labels)
        loss.backward()
        for optimizer in self.optimizers:
            optimizer.step()
        self.number += 1
        return [loss]


class Game(Trainer):
    """A step of the discriminator and one of the generator; non-saturating (Goodfellow et al. 2014)."""

    OTHER_NOISE = 0x3C6EF372  # Gradloom's generator is judged on other samples than its discriminator was

    def __init__(self, setting: dict, checked: bool = False) -> None:
        super().__init__(setting, checked)
        drawing = self.drawing
        judge = next(name for name, node in drawing.nodes.items() if node["type"] == "real_or_fake")
        source = next(name for name, node in drawing.nodes.items() if node["type"] == "noise")
        self.classes = 2
        self.noise = Noise(source, drawing.shapes[source], self.device)
        self.generator = Part(drawing, source, drawing.sources[judge][1])
        self.discriminator = Part(drawing, judge, drawing.sources[drawing.loss["id"]][0])
        self.generator_adam = self.adam(self.generator.parameters(), drawing.training["generator_optimizer"])
        self.discriminator_adam = self.adam(self.discriminator.parameters(), drawing.training["optimizer"])

        def discriminator_loss(real: Tensor, noise: Tensor) -> Tensor:
            with torch.no_grad():
                fake, _ = self.generator(noise)
            real_scores, fake_scores = self.discriminator(torch.cat([real, fake]))[0].chunk(2)
            return (F.binary_cross_entropy_with_logits(real_scores, torch.ones_like(real_scores)) +
                    F.binary_cross_entropy_with_logits(fake_scores, torch.zeros_like(fake_scores)))

        def generator_loss(noise: Tensor) -> Tensor:
            scores, _ = self.discriminator(self.generator(noise)[0])
            return F.binary_cross_entropy_with_logits(scores, torch.ones_like(scores))

        self.discriminator_loss = self.compiled(discriminator_loss)
        self.generator_loss = self.compiled(generator_loss)

    def step(self, x: Tensor, labels: Tensor) -> list[Tensor]:
        self.feed(self.noise, len(x))
        self.discriminator_adam.zero_grad(set_to_none=True)
        first = self.discriminator_loss(x, self.noise(len(x)))
        first.backward()
        self.discriminator_adam.step()
        self.feed(self.noise, len(x), self.OTHER_NOISE)
        self.generator_adam.zero_grad(set_to_none=True)
        self.discriminator.requires_grad_(False)  # its gradients are not wanted here
        second = self.generator_loss(self.noise(len(x)))
        second.backward()
        self.discriminator.requires_grad_(True)
        self.generator_adam.step()
        self.number += 1
        return [first, second]


def trainer_of(setting: dict, checked: bool = False) -> Supervised | Game:
    game = '"real_or_fake"' in Path(setting["model"]).read_text()
    return Game(setting, checked) if game else Supervised(setting, checked)


def random_samples(random: np.random.Generator, drawing: Drawing, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers in [0, 1), or tokens but the padding 0."""
    if drawing.vocabulary:
        return random.integers(1, drawing.vocabulary, shape).astype(np.int32)
    return random.random(shape, dtype=np.float32)


class Timed:
    """A trainer with random batches in memory."""

    def __init__(self, setting: dict) -> None:
        self.trainer = trainer_of(setting)
        random = np.random.default_rng(1)
        shape = (setting["batch"], *self.trainer.drawing.input_shape)
        self.data = [(self.trainer.laid_out(random_samples(random, self.trainer.drawing, shape)),
                      self.trainer.classes_of(random.integers(0, self.trainer.classes, setting["batch"])))
                     for _ in range(BATCHES)]
        self.number = 0
        self.times_within(1.0, 2)

    def times(self, steps: int) -> list[float]:
        result = []
        for _ in range(steps):
            x, labels = self.data[self.number % BATCHES]
            self.number += 1
            begin = time.perf_counter()
            self.trainer.step(x, labels)[-1].item()
            result.append(1e3 * (time.perf_counter() - begin))
        return result

    def times_within(self, seconds: float, fewest: int = 5) -> list[float]:
        end = time.perf_counter() + seconds
        result = self.times(fewest)
        while time.perf_counter() < end and len(result) < 20:
            result += self.times(1)
        return result


def losses(setting: dict, folder: Path) -> dict[str, list[float]]:
    trainer = trainer_of(setting, checked=True)
    drawing = trainer.drawing
    random = np.random.default_rng(2)
    labels = random.integers(0, trainer.classes, (CHECKED_STEPS, setting["batch"])).astype(np.int32)
    patterns = random_samples(random, drawing, (trainer.classes, *drawing.input_shape))
    noise = random_samples(random, drawing, (*labels.shape, *drawing.input_shape))
    if drawing.vocabulary:
        samples = np.where(random.random(noise.shape) < 0.5, patterns[labels], noise).astype(np.int32)
    else:
        samples = (0.5 * (patterns[labels] + noise)).astype(np.float32)
    safetensors_file.save(folder / "weights.safetensors", drawing.weights())
    safetensors_file.save(folder / "data.safetensors", {"samples": samples, "labels": labels})
    exact = trainer_of(setting | {"compile": "nothing"}, checked=True)
    exact.double()

    def first(one: Trainer, seconds: float) -> list[float]:
        end, values = time.perf_counter() + seconds, []
        for x, t in zip(samples, labels):
            if time.perf_counter() < end:
                values += [loss.item() for loss in one.step(one.laid_out(x), one.classes_of(t))]
        return values

    return {"single": first(trainer, float("inf")), "double": first(exact, EXACT_SECONDS)}


def main() -> None:
    torch.set_flush_denormal(True)
    torch._dynamo.config.recompile_limit = 256  # all settings compile the same functions here
    at_first = {"cpu": peak_resident_bytes()}
    kept: dict[str, Timed] = {}
    for line in sys.stdin:
        command = json.loads(line)
        steps, seconds = command.pop("steps", 0), command.pop("seconds", 0)
        folder = command.pop("losses", None)
        try:
            reply: object
            if device := command.get("memory"):
                reply = [at_first.setdefault(device, bytes_taken(device)), bytes_taken(device)]
            else:
                choose_arithmetic(command)
                key = json.dumps(command, sort_keys=True)
                if folder:
                    reply = losses(command, Path(folder))
                else:
                    if key not in kept:
                        kept[key] = Timed(command)
                    reply = kept[key].times(steps) if steps else kept[key].times_within(seconds)
        except Exception as error:  # a setting that PyTorch cannot do here is left out by the caller
            reply = {"error": f"{type(error).__name__}: {error}".splitlines()[0][:200]}
        print(json.dumps(reply), flush=True)


if __name__ == "__main__":
    main()
