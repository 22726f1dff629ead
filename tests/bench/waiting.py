"""Which share of their time trainings wait for data, for every sample project.

    python tests/bench/waiting.py --program build/release/bin/gradloom-cli

Two epochs of each, or as much of them as fits into some seconds, alone and beside one busy process a core; what the
program says at the end of a run is taken. The share counts what a step is held up by a batch that was not ready, whether
it waited for it or assembled it itself.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import tempfile
from pathlib import Path

from oversubscription import BusyProcesses

PROJECTS = Path(__file__).resolve().parents[2] / "projects"


def train(program: Path, project: Path, folder: str, steps: int) -> dict:
    command = [program, "train", project, "--epochs", "2", "--max-steps", str(steps), "--out", folder, "--json", "--quiet"]
    run = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    last = run["epochs"][-1]
    # The seconds of an epoch contain its validation; the speed does not.
    step = json.loads(project.read_text())["training"]["batch"] / last["samples_per_second"]
    seconds = step * run["steps"]
    return {"steps": run["steps"], "seconds": seconds, "waiting": run["waiting_share"] * last["seconds"] / seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", type=Path, required=True, help="gradloom-cli of a build")
    parser.add_argument("--projects", nargs="+", type=Path, default=sorted(PROJECTS.glob("*.gradloom.json")))
    parser.add_argument("--seconds", type=float, default=3, help="most that a run takes, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--goal", type=float, default=0.02)
    arguments = parser.parse_args()
    cores = os.cpu_count() or 1
    print(f"{cores} cores, load average before {os.getloadavg()[0]:.1f}; largest share of {arguments.rounds} runs\n")
    print(f"| project | steps | ms/step | waiting, alone | beside {cores} busy processes | |")
    print("|---|---|---|---|---|---|")
    for project in arguments.projects:
        with tempfile.TemporaryDirectory() as folder:
            run = train(arguments.program, project, folder, 20)
            steps = max(20, int(arguments.seconds * run["steps"] / run["seconds"]))
            def worst() -> dict:
                runs = [train(arguments.program, project, folder, steps) for _ in range(arguments.rounds)]
                return max(runs, key=lambda run: run["waiting"])

            alone = worst()
            with BusyProcesses(cores):
                beside = worst()
        milliseconds = 1000 * alone["seconds"] / alone["steps"]
        print(f"| {project.name.split('.')[0]} | {alone['steps']} | {milliseconds:.3f} | {100 * alone['waiting']:.2f} % | "
              f"{100 * beside['waiting']:.2f} % | {'missed' if alone['waiting'] >= arguments.goal else ''} |", flush=True)


if __name__ == "__main__":
    main()
