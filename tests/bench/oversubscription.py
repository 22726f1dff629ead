"""What training costs when other programs keep all cores busy.

    python tests/bench/oversubscription.py --program build/release/bin/train_bench

Each network is trained alone and beside one busy process a core, in turn. A fair machine leaves half of its time, so the
step should take about twice as long; processor time that grows instead is lost to threads that wait by looping.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def measure(program: Path, model: Path, batch: int, arguments: list[str]) -> dict:
    command = [program, "--models", model, "--batch", str(batch), "--rounds", "1", "--json", *arguments]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)["results"][0]


class BusyProcesses:
    def __init__(self, count: int) -> None:
        self.count = count

    def __enter__(self) -> None:
        self.processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(self.count)]

    def __exit__(self, *_: object) -> None:
        for process in self.processes:
            process.kill()
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="train_bench of a build")
    parser.add_argument("--models", nargs="+", default=["w1_classic_cnn", "w2_lstm", "w4_dense"])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--busy", type=int, default=os.cpu_count() or 1, help="busy processes beside the training")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=300)
    arguments = parser.parse_args()
    print(f"{os.cpu_count()} cores, {arguments.busy} busy processes, load average before {os.getloadavg()[0]:.1f}\n")
    print("| model | batch | alone, ms/step | beside, ms/step | slower | processor alone, ms/step | beside | more |")
    print("|---|---|---|---|---|---|---|---|")
    for name in arguments.models:
        model = FOLDER / "models" / f"{name}.gradloom.json"
        alone, beside = [], []
        for _ in range(arguments.rounds):
            steps = ["--steps", str(arguments.steps)]
            alone.append(measure(arguments.program, model, arguments.batch, steps))
            with BusyProcesses(arguments.busy):
                beside.append(measure(arguments.program, model, arguments.batch, steps))
        middle = lambda runs, key: statistics.median(run[key] for run in runs)
        wall = [middle(runs, "mean_ms_per_step") for runs in (alone, beside)]
        processor = [middle(runs, "processor_ms_per_step") for runs in (alone, beside)]
        print(f"| {name} | {arguments.batch} | {wall[0]:.3f} | {wall[1]:.3f} | {wall[1] / wall[0]:.2f} | "
              f"{processor[0]:.3f} | {processor[1]:.3f} | {processor[1] / processor[0]:.2f} |", flush=True)


if __name__ == "__main__":
    main()
