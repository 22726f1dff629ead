"""Losses, optimizers and learning-rate schedules in PyTorch; Lion and the losses that PyTorch does not have from their
definitions. Adds to the tables of reference_layers.py and reference_training.py.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

import safetensors_file
from reference_layers import REFERENCES, Call, Reply, float_target, mean_of_sample
from reference_training import OPTIMIZERS, STEPS, Network, batch, uniform


def same_side(x: Tensor, threshold: float, target: Tensor, target_threshold: float) -> Tensor:
    return mean_of_sample(((x > threshold) == (target > target_threshold)).to(x.dtype))


def mean_over_steps(call: Call, rows: Tensor) -> Tensor:
    """A number for each step of (N, T), or each sample of (N), as one for each sample."""
    if rows.dim() == 1:
        return rows
    target, padding = call.inputs[1], call.params["padding_token"]
    if len(call.inputs) < 3 and padding < 0:
        return rows.mean(1)
    mask = call.inputs[2] if len(call.inputs) > 2 else torch.ones_like(rows)
    if padding >= 0:
        mask = mask * (target != padding)
    return (rows * mask).sum(1) / mask.sum(1).clamp(min=1)


def cross_entropy(call: Call) -> Reply:
    """For sequences, classes are the last dimension; PyTorch has them second."""
    x, target = call.inputs[:2]
    whole = not target.is_floating_point()
    scores = x.movedim(-1, 1)
    truth = target.long() if whole else target.movedim(-1, 1)
    loss = F.cross_entropy(scores, truth, reduction="none", label_smoothing=call.params["label_smoothing"])
    right = (x.argmax(-1) == (target if whole else target.argmax(-1))).to(x.dtype)
    return Reply([call.params["weight"] * mean_over_steps(call, loss)],
                 metrics={"accuracy": mean_over_steps(call, right)})


def mae(call: Call) -> Reply:
    loss = F.l1_loss(call.inputs[0], float_target(call), reduction="none")
    return Reply([call.params["weight"] * mean_of_sample(loss)])


def huber(call: Call) -> Reply:
    p = call.params
    arguments = {"input": call.inputs[0], "target": float_target(call), "reduction": "none"}
    loss = F.smooth_l1_loss(beta=p["delta"], **arguments) if p["smooth_l1"] else \
        F.huber_loss(delta=p["delta"], **arguments)
    return Reply([p["weight"] * mean_of_sample(loss)])


def hinge(call: Call) -> Reply:
    """keras.losses.CategoricalHinge for class labels, keras.losses.Hinge for single numbers."""
    x, target = call.inputs[0], float_target(call)
    if not call.inputs[1].is_floating_point() and x.shape[1] > 1:
        own = (target * x).sum(-1)
        others = ((1 - target) * x).amax(-1)
        right = (x.argmax(-1) == call.inputs[1]).to(x.dtype)
        return Reply([call.params["weight"] * (others - own + 1).clamp(min=0)], metrics={"accuracy": right})
    sign = torch.where(target > 0, 1.0, -1.0)
    loss = mean_of_sample((1 - sign * x).clamp(min=0))
    return Reply([call.params["weight"] * loss], metrics={"accuracy": same_side(x, 0, target, 0)})


def kl_divergence(call: Call) -> Reply:
    x, target = call.inputs[0], float_target(call)
    each = target * (target.clamp(min=1e-30).log() - F.log_softmax(x, -1))
    return Reply([call.params["weight"] * mean_of_sample(each.sum(-1)[:, None])])


def cosine_similarity(call: Call) -> Reply:
    cosine = F.cosine_similarity(call.inputs[0], float_target(call), dim=-1)
    return Reply([call.params["weight"] * (1 - mean_of_sample(cosine[:, None]))])


def focal(call: Call) -> Reply:
    """Lin et al. 2017; for single numbers as torchvision.ops.sigmoid_focal_loss."""
    x, p = call.inputs[0], call.params
    if not call.inputs[1].is_floating_point() and x.shape[1] > 1:
        labels = call.inputs[1].long()
        ce = F.cross_entropy(x, labels, reduction="none")
        right = (x.argmax(-1) == labels).to(x.dtype)
        return Reply([p["weight"] * (1 - (-ce).exp()) ** p["gamma"] * ce], metrics={"accuracy": right})
    target = float_target(call)
    ce = F.binary_cross_entropy_with_logits(x, target, reduction="none")
    sure = torch.sigmoid(x)
    true = sure * target + (1 - sure) * (1 - target)
    share = p["alpha"] * target + (1 - p["alpha"]) * (1 - target)
    loss = mean_of_sample(share * (1 - true).clamp(min=1e-7) ** p["gamma"] * ce)
    return Reply([p["weight"] * loss], metrics={"accuracy": same_side(x, 0, target, 0.5)})


class Lion(torch.optim.Optimizer):
    """Chen et al. 2023, program 1, line by line."""

    def __init__(self, params, lr: float, betas: tuple[float, float] = (0.9, 0.99), weight_decay: float = 0.0) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            beta1, beta2 = group["betas"]
            for weight in group["params"]:
                momentum = self.state[weight].setdefault("momentum", torch.zeros_like(weight))
                update = torch.sign(beta1 * momentum + (1 - beta1) * weight.grad)
                momentum.mul_(beta2).add_((1 - beta2) * weight.grad)
                weight -= group["lr"] * (update + group["weight_decay"] * weight)


REFERENCES |= {"cosine_similarity": cosine_similarity, "cross_entropy": cross_entropy, "focal": focal, "hinge": hinge,
               "huber": huber, "kl_divergence": kl_divergence, "mae": mae}

OPTIMIZERS |= {  # the same names and options are in test_golden_training.cpp
    "adagrad": lambda w: torch.optim.Adagrad(w, lr=0.05),
    "adagrad_options": lambda w: torch.optim.Adagrad(w, lr=0.1, lr_decay=0.1, initial_accumulator_value=0.1, eps=1e-4),
    "adadelta": lambda w: torch.optim.Adadelta(w, lr=1.0),
    "adadelta_options": lambda w: torch.optim.Adadelta(w, lr=0.5, rho=0.8, eps=1e-4),
    "rmsprop": lambda w: torch.optim.RMSprop(w, lr=0.01, alpha=0.9, eps=1e-7),
    "rmsprop_options": lambda w: torch.optim.RMSprop(w, lr=0.005, alpha=0.95, eps=1e-4, momentum=0.9, centered=True),
    "adamw": lambda w: torch.optim.AdamW(w, lr=0.01),
    "adamw_options": lambda w: torch.optim.AdamW(w, lr=0.02, weight_decay=0.2, betas=(0.8, 0.99), eps=1e-3),
    "nadam": lambda w: torch.optim.NAdam(w, lr=0.01),
    "nadam_options": lambda w: torch.optim.NAdam(w, lr=0.02, betas=(0.8, 0.99), eps=1e-3, momentum_decay=0.02),
    "lion": lambda w: Lion(w, lr=0.002),
    "lion_options": lambda w: Lion(w, lr=0.002, betas=(0.8, 0.9), weight_decay=0.5),
}

STEPS_PER_EPOCH = 7
EPOCHS = 6
PLATEAU = [1.0, 0.8, 0.79999, 0.9, 0.85, 0.7, 0.75, 0.72, 0.71, 0.705, 0.69, 0.69, 0.69, 0.69, 0.69]


def learning_rates(create, steps: int) -> np.ndarray:
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    schedule = create(optimizer)
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return np.asarray(rates, np.float64)


def make_schedules(folder: Path) -> None:
    """Factors on the learning rate: for each epoch, for each step, or after each result of `PLATEAU`."""
    schedules = torch.optim.lr_scheduler
    tensors = {
        "step": learning_rates(lambda o: schedules.StepLR(o, 2, 0.3), EPOCHS),
        "exponential": learning_rates(lambda o: schedules.ExponentialLR(o, 0.8), EPOCHS),
        "one_cycle": learning_rates(
            lambda o: schedules.OneCycleLR(o, 1.0, total_steps=STEPS_PER_EPOCH * EPOCHS, cycle_momentum=False),
            STEPS_PER_EPOCH * EPOCHS),
        "one_cycle_options": learning_rates(
            lambda o: schedules.OneCycleLR(o, 1.0, total_steps=STEPS_PER_EPOCH * EPOCHS, pct_start=0.5, div_factor=10,
                                           final_div_factor=100, cycle_momentum=False), STEPS_PER_EPOCH * EPOCHS),
    }
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    plateau = schedules.ReduceLROnPlateau(optimizer, factor=0.5, patience=1, threshold=1e-4, cooldown=1, min_lr=0.2)
    factors = []
    for loss in PLATEAU:
        plateau.step(loss)
        factors.append(optimizer.param_groups[0]["lr"])
    tensors["plateau.results"] = np.asarray(PLATEAU)
    tensors["plateau"] = np.asarray(factors)
    safetensors_file.save(folder / "training" / "schedules.safetensors",
                          {name: values.astype(np.float32) for name, values in tensors.items()})


CLIP_VALUE, CLIP_NORM, DECAY, MAX_NORM = 0.02, 0.1, 0.9, 0.8  # the same are in test_golden_training.cpp


def trained(folder: Path, change_gradients=None, change_weights=None, micro_batches: int = 1) -> list[dict[str, Tensor]]:
    """Weights after each of 20 steps of SGD with momentum, with something done between backward and step or after it."""
    network = Network(folder / "models" / "small_dense.gradloom.json")
    weights = network.weights()
    optimizer = torch.optim.SGD(list(weights.values()), lr=0.2, momentum=0.9)
    history = []
    for step in range(STEPS):
        optimizer.zero_grad()
        for part in range(micro_batches):
            loss = network.loss(*batch(network.shape, 8, 3, step * micro_batches + part), weights)
            (loss / micro_batches).backward()
        if change_gradients:
            change_gradients(list(weights.values()))
        optimizer.step()
        if change_weights:
            change_weights(weights)
        history.append({name: weight.detach().clone() for name, weight in weights.items()})
    return history


def keep_columns_short(weights: dict[str, Tensor]) -> None:
    with torch.no_grad():
        weights["dense_1.weight"].copy_(torch.renorm(weights["dense_1.weight"], 2, 1, MAX_NORM))


def averaged(history: list[dict[str, Tensor]]) -> list[dict[str, Tensor]]:
    """The averages that torch.optim.swa_utils.AveragedModel keeps."""
    model = torch.nn.Module()
    for name, weight in history[0].items():
        model.register_parameter(name.replace(".", "_"), torch.nn.Parameter(weight.clone()))
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(DECAY))
    result = []
    for weights in history:
        with torch.no_grad():
            for name, weight in weights.items():
                getattr(model, name.replace(".", "_")).copy_(weight)
        average.update_parameters(model)
        result.append({name: getattr(average.module, name.replace(".", "_")).detach().clone() for name in weights})
    return result


def make_update_rules(folder: Path) -> None:
    """Weights after each of 20 steps, stacked: "<rule>.<weight>"."""
    utils = torch.nn.utils
    rules = {
        "plain": trained(folder),
        "clip_value": trained(folder, lambda w: utils.clip_grad_value_(w, CLIP_VALUE)),
        "clip_norm": trained(folder, lambda w: utils.clip_grad_norm_(w, CLIP_NORM)),
        "max_norm": trained(folder, change_weights=keep_columns_short),
        "accumulate": trained(folder, micro_batches=3),
    }
    rules["average"] = averaged(rules["plain"])
    tensors = {f"{rule}.{name}": np.stack([weights[name].numpy() for weights in history]).astype(np.float32)
               for rule, history in rules.items() for name in history[0]}
    safetensors_file.save(folder / "training" / "update_rules.safetensors", tensors)


def sparse_trained(create) -> list[dict[str, Tensor]]:
    """Weights after each step of small_tokens, whose table has a sparse gradient: PyTorch's own Embedding(sparse=True)."""
    shapes = {"dense_1.bias": [3], "dense_1.weight": [30, 3], "embedding_1.weight": [40, 5]}
    weights = {}
    for k, (name, shape) in enumerate(shapes.items()):
        limit = np.sqrt(6.0 / np.prod(shape[:-1])) if name.endswith(".weight") else 0.1
        values = ((uniform(k + 1, int(np.prod(shape))) * 2 - 1) * limit).astype(np.float32)
        weights[name] = torch.tensor(values.reshape(shape)).double().requires_grad_()
    table, kernel, bias = weights["embedding_1.weight"], weights["dense_1.weight"], weights["dense_1.bias"]
    optimizers = create(table, [kernel, bias])
    history = []
    for step in range(STEPS):
        samples, labels = batch([6], 4, 3, step)
        rows = F.embedding((samples * 40).long(), table, sparse=True).flatten(1)
        for weight in weights.values():
            weight.grad = None
        F.cross_entropy(rows @ kernel + bias, labels.long()).backward()
        for optimizer in optimizers:
            optimizer.step()
        history.append({name: weight.detach().clone() for name, weight in weights.items()})
    return history


def make_sparse(folder: Path) -> None:
    """Weights after each of 20 steps, stacked: "<optimizer>.<weight>". SparseAdam adds epsilon before it corrects the
    second moment; a tiny one keeps that apart from what is compared here."""
    optim = torch.optim
    rules = {
        "sgd": sparse_trained(lambda table, others: [optim.SGD([table, *others], lr=0.5)]),
        "adam": sparse_trained(lambda table, others: [optim.SparseAdam([table], lr=0.02, eps=1e-14),
                                                       optim.Adam(others, lr=0.02, eps=1e-14)]),
    }
    tensors = {f"{rule}.{name}": np.stack([weights[name].numpy() for weights in history]).astype(np.float32)
               for rule, history in rules.items() for name in history[0]}
    safetensors_file.save(folder / "training" / "sparse.safetensors", tensors)


def make_all(folder: Path) -> None:
    make_sparse(folder)
    make_schedules(folder)
    make_update_rules(folder)
