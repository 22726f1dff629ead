"""Times Gradloom against PyTorch at its best on this machine.

    python tests/bench/compare_pytorch.py --program build/bin/train_bench

First PyTorch's settings are tried one after the other: memory layout, torch.compile of the network or of the
optimizer too, threads, Adam variants, memory kept by the allocator. Then the fastest of them and Gradloom take turns,
a round each, so that a machine that changes its speed disturbs both alike; PyTorch's fastest setting of each round
counts. First losses of both from the same weights and data are compared, so that a fast wrong answer does not count.
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

FOLDER = Path(__file__).resolve().parent
# The first milestone, the final goal.
GOALS = {"w1_classic_cnn": (1.5, 2.5), "w2_lstm": (4.0, 8.0), "w3_text_lstm": (2.0, 3.5), "w4_dense": (2.0, 3.0),
         "w7_transformer": (1.0, 2.0)}
COMPILED = {"nothing": "eager", "network": "compiled", "all": "compiled with its optimizer"}
# glibc gives large blocks back to the system at once and gets them anew, page by page, at the next step.
ALLOCATORS = {"default": {}, "keeping": {"MALLOC_MMAP_THRESHOLD_": "4294967296", "MALLOC_TRIM_THRESHOLD_": "4294967296",
                                         "MALLOC_TOP_PAD_": "67108864"}}


class Worker:
    """A PyTorch process that waits for commands."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.process = subprocess.Popen([sys.executable, FOLDER / "torch_worker.py"], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True, env=os.environ | environment)

    def ask(self, command: dict) -> list[float]:
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(command) + "\n")
        self.process.stdin.flush()
        reply = json.loads(self.process.stdout.readline())
        if isinstance(reply, dict):
            raise RuntimeError(reply["error"])
        return reply

    def end(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait()


def settings(model: Path, threads: list[int], with_compile: bool) -> list[dict]:
    pictures = '"conv2d"' in model.read_text()
    layouts = ["contiguous", "channels_last"] if pictures else ["contiguous"]
    variants = [("nothing", "fused"), ("nothing", "foreach"), ("nothing", "loop")]
    if with_compile:
        variants += [("network", "fused"), ("all", "foreach")]
    return [{"layout": layout, "compile": compiled, "threads": count, "adam": adam, "allocator": allocator}
            for layout, (compiled, adam), count, allocator in itertools.product(layouts, variants, threads, ALLOCATORS)]


def command_of(setting: dict, model: Path, batch: int) -> dict:
    return {key: value for key, value in setting.items() if key != "allocator"} | {"model": str(model), "batch": batch}


def finalists(workers: dict[str, Worker], model: Path, batch: int, candidates: list[dict], verbose: bool) -> list[dict]:
    """The best two for each number of threads, since which wins depends on what else runs here."""
    measured: dict[int, list[tuple[float, dict]]] = {}
    for setting in candidates:
        try:
            times = workers[setting["allocator"]].ask(command_of(setting, model, batch) | {"steps": 20})
        except RuntimeError as error:
            print(f"  {described(setting)}: not possible, {error}", file=sys.stderr)
            continue
        measured.setdefault(setting["threads"], []).append((min(times), setting))
        if verbose:
            print(f"  {described(setting)}: {min(times):.3f} ms", file=sys.stderr, flush=True)
    return [setting for group in measured.values() for _, setting in sorted(group, key=lambda entry: entry[0])[:2]]


def described(setting: dict) -> str:
    return ", ".join([setting["layout"], COMPILED[setting["compile"]],
                      f"{setting['threads']} thread{'s' if setting['threads'] > 1 else ''}", f"Adam {setting['adam']}",
                      f"allocator {setting['allocator']}"])


def ours(program: Path, arguments: list[str]) -> dict | list[float]:
    return json.loads(subprocess.run([program, *arguments], check=True, capture_output=True, text=True).stdout)


def differences(program: Path, worker: Worker, setting: dict, model: Path, batch: int) -> list[float]:
    """Of the first 20 losses, relative."""
    with tempfile.TemporaryDirectory() as folder:
        theirs = worker.ask(command_of(setting, model, batch) | {"losses": folder})
        mine = ours(program, ["--losses", "--models", str(model), "--weights", f"{folder}/weights.safetensors",
                              "--data", f"{folder}/data.safetensors"])
    assert isinstance(mine, list) and len(mine) == len(theirs)
    return [abs(a - b) / abs(b) for a, b in zip(mine, theirs)]


def compare(arguments: argparse.Namespace, workers: dict[str, Worker], model: Path, batch: int) -> dict:
    """Rounds in turn; in each round the fastest of PyTorch's finalists counts."""
    chosen = finalists(workers, model, batch, settings(model, arguments.torch_threads, not arguments.no_compile),
                       arguments.verbose)
    theirs: list[list[list[float]]] = []  # round, setting, step
    mine: list[dict] = []
    for _ in range(arguments.rounds):
        theirs.append([workers[setting["allocator"]].ask(command_of(setting, model, batch) | {"steps": arguments.steps})
                       for setting in chosen])
        result = ours(arguments.program, ["--models", str(model), "--batch", str(batch), "--rounds", "1", "--steps",
                                          str(arguments.steps), "--threads", str(arguments.threads), "--json"])
        assert isinstance(result, dict)
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
            "ratio": statistics.median(ratios), "ratios": ratios, "peak_gflops": result["peak_gflops"],
            "differences": differences(arguments.program, workers[best["allocator"]], best, model, batch)}


def machine() -> str:
    info = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    name = re.search(r"model name\s*: (.*)", info)
    return f"{name.group(1) if name else platform.processor()}, {os.cpu_count()} cores"


def print_table(results: list[dict]) -> None:
    import torch
    peak = max(result["peak_gflops"] for result in results)
    print(f"{machine()}, FMA peak {peak:.0f} GFLOP/s, PyTorch {torch.__version__}, {date.today()}; load average "
          f"{os.getloadavg()[0]:.1f}\n")
    print("| model | batch | PyTorch ms/step | Gradloom ms/step | ratio | worst to best round | of fastest steps | "
          "goal now / final | first 5 / 20 losses differ by | PyTorch's best setting |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for r in results:
        goal = GOALS.get(r["model"])
        print(f"| {r['model']} | {r['batch']} | {r['torch_ms']:.3f} | {r['our_ms']:.3f} | {r['ratio']:.2f} | "
              f"{min(r['ratios']):.2f} to {max(r['ratios']):.2f} | "
              f"{r['torch_fastest_ms']:.3f} / {r['our_fastest_ms']:.3f} = "
              f"{r['torch_fastest_ms'] / r['our_fastest_ms']:.2f} | {f'{goal[0]} / {goal[1]}' if goal else ''} | "
              f"{max(r['differences'][:5]):.0e} / {max(r['differences']):.0e} | {r['setting']} |")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="train_bench of a build")
    parser.add_argument("--models", type=Path, nargs="+", default=sorted((FOLDER / "models").glob("*.gradloom.json")))
    parser.add_argument("--batch", type=int, nargs="+", default=[32, 128])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--threads", type=int, default=0, help="threads of Gradloom; 0: all cores")
    parser.add_argument("--torch-threads", type=int, nargs="+", default=sorted({1, os.cpu_count() or 1}))
    parser.add_argument("--no-compile", action="store_true", help="do not try torch.compile")
    parser.add_argument("--verbose", action="store_true", help="print the time of every setting")
    parser.add_argument("--json", type=Path, help="write all numbers there too")
    arguments = parser.parse_args()
    workers = {name: Worker(environment) for name, environment in ALLOCATORS.items()}
    results = [compare(arguments, workers, model.resolve(), batch)
               for model in arguments.models for batch in arguments.batch]
    for worker in workers.values():
        worker.end()
    print_table(results)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1))
    # Adam's first steps are as long for a tiny gradient as for a large one, so rounding errors double at every step, in
    # PyTorch against its own double precision as well.
    return 1 if any(max(r["differences"][:5]) > 1e-5 or max(r["differences"]) > 1e-2 for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
