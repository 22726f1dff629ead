"""Times Gradloom against PyTorch at its best on this machine.

    python tests/bench/compare_pytorch.py --program build/release/bin/train_bench
    python tests/bench/compare_pytorch.py --program build/release/bin/train_bench --device cuda --precision tf32

First PyTorch's settings are tried one after the other: memory layout, torch.compile of the network or of the
optimizer too, threads, Adam variants, memory kept by the allocator. Then the fastest of them and Gradloom take turns,
a round each, so that a machine that changes its speed disturbs both alike; PyTorch's fastest setting of each round
counts. First losses of both from the same weights, data and noise are compared and printed, so that a fast wrong answer
does not count. Peak resident memory is that of fresh processes that train this one network, PyTorch in its best setting.

On a GPU both compute in the same precision, losses are compared in float32, PyTorch's settings are those that matter
there (CUDA graphs among them), and memory is that of the GPU.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import tempfile
from datetime import date
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).resolve().parent
# What is trained: network, batch, goal of the ratio.
GOALS: dict[str, dict[str, float]] = json.loads((FOLDER / "models/goals.json").read_text())
MB = 1e6
COMPILED = {"nothing": "eager", "network": "compiled", "all": "compiled with its optimizer", "graphs": "compiled to CUDA graphs"}
# glibc gives large blocks back to the system at once and gets them anew, page by page, at the next step.
ALLOCATORS = {"default": {}, "keeping": {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296",
                                         "MALLOC_TOP_PAD_": "67108864"}}


class Worker:
    """A PyTorch process that waits for commands."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen([sys.executable, FOLDER / "torch_worker.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=os.environ | environment)

    def ask(self, command: dict) -> Any:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if isinstance(reply, dict) and "error" in reply:
            raise RuntimeError(reply["error"])
        return reply

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def moves_rows(model: Path) -> bool:
    """Whether an embedding of the model only updates the rows it used."""
    return '"sparse": true' in model.read_text()


def settings(arguments: argparse.Namespace, model: Path) -> list[dict]:
    pictures = '"conv' in model.read_text()
    gpu = arguments.device != "cpu"
    sparse = [False, True] if moves_rows(model) else [False]
    layouts = ["contiguous", "channels_last"] if pictures else ["contiguous"]
    variants = [("nothing", "fused"), ("nothing", "foreach"), ("nothing", "loop")]
    if not arguments.no_compile:
        variants += [("network", "fused"), ("all", "foreach")] + ([("graphs", "fused")] if gpu else [])
    return [{"layout": layout, "compile": compiled, "threads": count, "adam": adam, "allocator": allocator, "sparse": rows,
             "device": arguments.device, "precision": arguments.precision}
            for layout, (compiled, adam), count, allocator, rows in itertools.product(
                layouts, variants, [1] if gpu else arguments.torch_threads, ["default"] if gpu else ALLOCATORS, sparse)]


def command_of(setting: dict, model: Path, batch: int) -> dict:
    return {key: value for key, value in setting.items() if key != "allocator"} | {"model": str(model), "batch": batch}


def finalists(workers: dict[str, Worker], model: Path, batch: int, candidates: list[dict], verbose: bool) -> list[dict]:
    """The best two for each number of threads, since which wins depends on what else runs here."""
    measured: dict[int, list[tuple[float, dict]]] = {}
    for setting in candidates:
        try:
            times = workers[setting["allocator"]].ask(command_of(setting, model, batch) | {"seconds": 2})
        except RuntimeError as error:
            print(f"  {described(setting)}: not possible, {error}", file=sys.stderr)
            continue
        measured.setdefault(setting["threads"], []).append((min(times), setting))
        if verbose:
            print(f"  {described(setting)}: {min(times):.3f} ms", file=sys.stderr, flush=True)
    return [setting for group in measured.values() for _, setting in sorted(group, key=lambda entry: entry[0])[:2]]


def described(setting: dict) -> str:
    of_cpu = [f"{setting['threads']} thread{'s' if setting['threads'] > 1 else ''}", f"allocator {setting['allocator']}"]
    return ", ".join([setting["layout"], COMPILED[setting["compile"]], f"Adam {setting['adam']}"] +
                     (of_cpu if setting["device"] == "cpu" else []) + (["sparse gradient"] if setting["sparse"] else []))


def ours(program: Path, arguments: list[str]) -> dict | list[float]:
    return json.loads(subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout)


def first_losses(program: Path, worker: Worker, setting: dict, model: Path, batch: int) -> dict[str, list[float]]:
    """Of 20 steps of both programs in float32, and how far they are from PyTorch in double precision, relative."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = worker.ask(command_of(setting, model, batch) | {"losses": folder, "sparse": moves_rows(model),
                                                                 "precision": "float32"})
        mine = ours(program, ["--losses", "--models", str(model), "--weights", f"{folder}/weights.safetensors",
                              "--data", f"{folder}/data.safetensors", "--device", setting["device"],
                              "--precision", "float32"])
    assert isinstance(mine, list) and len(mine) == len(theirs["single"])
    off = lambda losses: [abs(a - b) / abs(b) for a, b in zip(losses, theirs["double"])]
    return {"torch_losses": theirs["single"], "our_losses": mine,
            "torch_off": off(theirs["single"]), "our_off": off(mine)}


def torch_memory(setting: dict, model: Path, batch: int) -> dict[str, float]:
    """Peak resident bytes of a fresh process, or bytes of the GPU's memory, after its imports and after some steps."""
    worker = Worker(ALLOCATORS[setting["allocator"]])
    if setting["device"] != "cpu":
        worker.ask({"memory": setting["device"]})
    worker.ask(command_of(setting, model, batch) | {"steps": 10})
    baseline, peak = worker.ask({"memory": setting["device"]})
    worker.end()
    return {"torch_start_bytes": baseline, "torch_peak_bytes": peak}


def compare(arguments: argparse.Namespace, workers: dict[str, Worker], model: Path, batch: int) -> dict:
    """Rounds in turn; in each round the fastest of PyTorch's finalists counts."""
    chosen = finalists(workers, model, batch, settings(arguments, model), arguments.verbose)
    gpu = arguments.device != "cpu"
    theirs: list[list[list[float]]] = []  # round, setting, step
    mine: list[dict] = []
    result: dict = {}
    for _ in range(arguments.rounds):
        theirs.append([workers[setting["allocator"]].ask(command_of(setting, model, batch) | {"steps": arguments.steps})
                       for setting in chosen])
        answer = ours(arguments.program, ["--models", str(model), "--batch", str(batch), "--rounds", "1", "--steps",
                                          str(arguments.steps), "--threads", str(arguments.threads), "--device",
                                          arguments.device, "--precision", arguments.precision, "--json"])
        assert isinstance(answer, dict)
        result = answer
        mine.append(result["results"][0])
    medians = [[statistics.median(steps) for steps in turn] for turn in theirs]
    overall = [statistics.median(column) for column in zip(*medians)]
    best = chosen[overall.index(min(overall))]
    ratios = [min(turn) / own["ms_per_step"] for turn, own in zip(medians, mine)]
    return {"model": model.name.split(".")[0], "batch": batch, "setting": described(best),
            "torch_rounds_ms": medians, "our_rounds_ms": [own["ms_per_step"] for own in mine],
            "torch_ms": statistics.median(min(turn) for turn in medians),
            "our_ms": statistics.median(own["ms_per_step"] for own in mine),
            "torch_fastest_ms": min(min(steps) for turn in theirs for steps in turn),
            "our_fastest_ms": min(own["fastest_ms"] for own in mine),
            "ratio": statistics.median(ratios), "ratios": ratios, "machine": result["machine"],
            "peak_gflops": result["peak_gflops"], "gflops": statistics.median(own["gflops"] for own in mine),
            "our_start_bytes": 0 if gpu else result["start_resident_bytes"],
            "our_peak_bytes": max(own["device_bytes" if gpu else "peak_resident_bytes"] for own in mine),
            **torch_memory(best, model, batch),
            **first_losses(arguments.program, workers[best["allocator"]], best, model, batch)}


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", info)
    return f"{name.group(1) if name else platform.processor()}, {os.cpu_count()} cores"


def off_cell(off: list[float]) -> str:
    return f"{max(off[:5]):.0e} / {max(off):.0e}"


def losses_agree(result: dict) -> bool:
    """Rounding errors grow from step to step, because Adam's first steps are as long for a tiny gradient as for a large
    one. So PyTorch's own distance from double precision is the measure, beside the rounding of Winograd's transforms,
    which is near 1e-5 where PyTorch convolves directly."""
    ours, theirs = result["our_off"], result["torch_off"]
    return all(max(ours[:steps]) < 10 * max(theirs[:steps]) + 5e-5 for steps in (2, 5, len(ours)))


def share_cell(result: dict) -> str:
    """Of what the CPU's arithmetic could do at most; empty for a GPU, whose peak nobody measures here."""
    return f"{100 * result['gflops'] / result['peak_gflops']:.0f} %" if result["peak_gflops"] else ""


def memory_cell(start: float, peak: float) -> str:
    return f"{peak / MB:.0f} ({(peak - start) / MB:.0f})"


def print_table(results: list[dict]) -> None:
    import torch
    computing = max(results, key=lambda result: result["peak_gflops"])["machine"]
    print(f"{machine()}; {computing}; PyTorch {torch.__version__}, {date.today()}; load average "
          f"{os.getloadavg()[0]:.1f}\n")
    print("| model | batch | PyTorch ms/step | Gradloom ms/step | ratio | goal | worst to best round | of fastest steps | "
          "Gradloom's share of peak | PyTorch samples/s | Gradloom samples/s | PyTorch MB (above its start) | "
          "Gradloom MB (above its start) | first 5 / 20 losses off: PyTorch | Gradloom | PyTorch's best setting |")
    print("|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|---|")
    for r in results:
        goal = goal_of(r)
        print(f"| {r['model']} | {r['batch']} | {r['torch_ms']:.3f} | {r['our_ms']:.3f} | {r['ratio']:.2f} | "
              f"{goal if goal else ''} | {min(r['ratios']):.2f} to {max(r['ratios']):.2f} | "
              f"{r['torch_fastest_ms']:.3f} / {r['our_fastest_ms']:.3f} = "
              f"{r['torch_fastest_ms'] / r['our_fastest_ms']:.2f} | {share_cell(r)} | "
              f"{1e3 * r['batch'] / r['torch_ms']:.0f} | {1e3 * r['batch'] / r['our_ms']:.0f} | "
              f"{memory_cell(r['torch_start_bytes'], r['torch_peak_bytes'])} | "
              f"{memory_cell(r['our_start_bytes'], r['our_peak_bytes'])} | "
              f"{off_cell(r['torch_off'])} | {off_cell(r['our_off'])} | {r['setting']} |")


def print_losses(results: list[dict]) -> None:
    print("\nFirst losses from the same weights, data and noise (of a GAN in turn the discriminator's and the generator's):\n")
    print("| model | batch | program | losses |")
    print("|---|---|---|---|")
    for r in results:
        for program, key in (("PyTorch", "torch_losses"), ("Gradloom", "our_losses")):
            print(f"| {r['model']} | {r['batch']} | {program} | {' '.join(f'{loss:.6g}' for loss in r[key])} |")


def goal_of(result: dict) -> float | None:
    return GOALS.get(result["model"], {}).get(str(result["batch"]))


def batches_of(model: Path, given: list[int] | None) -> list[int]:
    goals = GOALS.get(model.name.split(".")[0])
    return given or ([int(batch) for batch in goals] if goals else [json.loads(model.read_text())["training"]["batch"]])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="train_bench of a build")
    parser.add_argument("--models", type=Path, nargs="+", default=sorted((FOLDER / "models").glob("*.gradloom.json")))
    parser.add_argument("--batch", type=int, nargs="+", help="by default those that the goals are for")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0, help="threads of Gradloom; 0: all cores")
    parser.add_argument("--torch-threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1")
    parser.add_argument("--precision", default="tf32", choices=("float32", "tf32", "bf16"), help="of a GPU's products")
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile")
    parser.add_argument("--verbose", action="store_true", help="print the time of every setting")
    parser.add_argument("--json", type=Path, help="write all numbers there too")
    arguments = parser.parse_args()
    arguments.program = arguments.program.resolve()
    workers = {name: Worker(environment) for name, environment in ALLOCATORS.items()
               if name == "default" or arguments.device == "cpu"}
    results = [compare(arguments, workers, model.resolve(), batch)
               for model in arguments.models for batch in batches_of(model, arguments.batch)]
    for worker in workers.values():
        worker.end()
    print_table(results)
    print_losses(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    wrong = [f"{r['model']} {r['batch']}" for r in results if not losses_agree(r)]
    if wrong:
        print(f"\nLosses do not agree: {', '.join(wrong)}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
