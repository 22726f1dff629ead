"""The generative layers of Gradloom once more, in PyTorch, with their random numbers.

Random numbers are Philox4x32-10 (Salmon et al. 2011), normal ones by Box and Muller (1958), written here from the
papers. Sixteen neighbouring blocks of four words make a group of 64 numbers, the first words of all blocks first.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reference_layers import Call, Reply

NODE = "node"  # what the tests call the layer's node; its hash is the stream
BLOCKS = 16


def stream(node: str = NODE) -> int:
    """FNV-1a of the node's name."""
    value = 2166136261
    for byte in node.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value


def philox(counter: list[np.ndarray], key: list[int]) -> list[np.ndarray]:
    word = np.uint64(2**32 - 1)
    for _ in range(10):
        a = counter[0] * np.uint64(0xD2511F53)
        b = counter[2] * np.uint64(0xCD9E8D57)
        counter = [(b >> np.uint64(32)) ^ counter[1] ^ np.uint64(key[0]), b & word,
                   (a >> np.uint64(32)) ^ counter[3] ^ np.uint64(key[1]), a & word]
        key = [(key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32]
    return counter


def words(counter: Tensor, count: int, node: str = NODE) -> np.ndarray:
    """Groups x 4 x BLOCKS words for the program's counter (seed low, seed high, step, 0)."""
    groups = -(-count // (4 * BLOCKS))
    blocks = np.arange(groups * BLOCKS, dtype=np.uint64)
    low, high, step, _ = (int(x) % 2**32 for x in counter)
    fixed = [np.full_like(blocks, value) for value in (step, stream(node))]
    made = philox([blocks, np.zeros_like(blocks), *fixed], [low, high])
    return np.stack([w.reshape(groups, BLOCKS) for w in made], axis=1)


def uniform(counter: Tensor, shape: torch.Size | list[int]) -> Tensor:
    count = int(np.prod(shape))
    upper = (words(counter, count) >> np.uint64(8)).astype(np.float64) * 2.0**-24
    return torch.tensor(upper.reshape(-1)[:count]).reshape(*shape)


def normal(counter: Tensor, shape: torch.Size | list[int], node: str = NODE) -> Tensor:
    count = int(np.prod(shape))
    upper = (words(counter, count, node) >> np.uint64(8)).astype(np.float64)
    radius = np.sqrt(-2 * np.log((upper[:, 0::2] + 1) * 2.0**-24))
    angle = 2 * np.pi * upper[:, 1::2] * 2.0**-24
    pairs = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=2)
    return torch.tensor(pairs.reshape(-1)[:count]).reshape(*shape)


def noise(call: Call) -> Reply:
    batch = 3  # of the tests' harness
    shape = [batch, *call.params["shape"]]
    counter = call.inputs[-1]
    scale = call.params["scale"]
    if call.params["distribution"] == "normal":
        return Reply([normal(counter, shape) * scale])
    return Reply([(uniform(counter, shape) * 2 - 1) * scale])


def sample_z(call: Call) -> Reply:
    mean, log_variance, counter = call.inputs
    z = mean + torch.exp(log_variance / 2) * normal(counter, mean.shape)
    kl = 0.5 * (mean.square() + log_variance.exp() - log_variance - 1).sum(1)
    return Reply([z, call.params["beta"] * kl], metrics={"kl": kl})


def gan_objective(call: Call) -> Reply:
    """What the discriminator loses for real samples; outside a game all are real."""
    score = call.inputs[0].flatten()
    losses = {"minimax": F.softplus(-score), "non_saturating": F.softplus(-score),
              "least_squares": (score - 1).square() / 2, "wasserstein": -score}
    return Reply([losses[call.params["objective"]]])


REFERENCES = {"noise": noise, "sample_z": sample_z, "gan_objective": gan_objective,
              "real_or_fake": lambda call: Reply([call.inputs[0]])}
