"""Paired timings: contenders take turns, each in a process (and, for peers, an environment) of its own.

Only ratios of one run are quoted: the machine's speed, its load and the warmth of its caches are then the same for
both sides. A contender is a *worker*, a script that calls :func:`serve` with its tasks; the benchmark calls tasks by
name, one contender after the other, round after round. The standard library is all that this module needs, so that it
also runs in an environment that holds nothing but a peer.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

__all__ = [
    "Reading",
    "Round",
    "Worker",
    "as_json",
    "environment",
    "machine",
    "markdown",
    "peak_of",
    "ratio",
    "serve",
    "take_turns",
]

_ENVIRONMENTS = Path(__file__).parent / ".environments"


@dataclass(frozen=True, slots=True)
class Reading:
    """One run of one task: wall and CPU time in s, growth of resident memory in bytes, and what the task returned."""

    wall: float
    cpu: float
    memory: int
    value: Any


Round = Mapping[str, Reading]


def serve(tasks: Mapping[str, Callable[..., Any]]) -> None:
    """Run tasks that stand on standard input, a line of JSON each, and answer with their readings.

    A task returns what JSON can hold (a checksum, an objective reached ...), so that sides can be compared. Whatever a
    library prints goes to standard error.
    """
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        asked = json.loads(line)
        before = _forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        value = tasks[asked["task"]](**asked["arguments"])
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        answer = {"wall": wall, "cpu": cpu, "memory": _peak() - before, "value": value}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


class Worker:
    """A worker process: ``worker.run("task", argument=...)``.

    Parameters
    ----------
    script : Path
        Runs :func:`serve` when it is given ``--serve``.
    python : Path, optional
        Interpreter of the environment; this one's by default.
    threads : int
        Threads that numerical libraries may use.
    """

    def __init__(self, script: Path, *, python: Path | None = None, threads: int = os.cpu_count() or 1) -> None:
        named = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), str(threads))
        self._process = subprocess.Popen(
            [str(python or sys.executable), str(script), "--serve"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | named | {"PYTHONPATH": str(Path(__file__).parent)},
        )

    def run(self, task: str, **arguments: object) -> Reading:
        """Run one task.

        Raises
        ------
        RuntimeError
            If the worker died; what it said stands on standard error.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"task": task, "arguments": arguments}) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"worker ended with {self._process.wait()} in task {task!r}")
        return Reading(**json.loads(answer))

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def take_turns(calls: Mapping[str, Callable[[], Reading]], *, rounds: int = 5, warm: int = 1) -> list[Round]:
    """Run every call once a round, in an order that turns, after ``warm`` rounds that do not count."""
    names = list(calls)
    taken: list[Round] = []
    for number in range(warm + rounds):
        order = names[number % len(names) :] + names[: number % len(names)]
        readings = {name: calls[name]() for name in order}
        _say(f"  round {number + 1} of {warm + rounds}" + (" (warm-up)" if number < warm else ""))
        if number >= warm:
            taken.append(readings)
    return taken


def ratio(rounds: Sequence[Round], over: str, under: str, *, of: str = "wall") -> tuple[float, float, float]:
    """Median, smallest and largest of ``over / under`` within rounds."""
    ratios = [getattr(one[over], of) / getattr(one[under], of) for one in rounds]
    return statistics.median(ratios), min(ratios), max(ratios)


def peak_of(rounds: Sequence[Round], name: str) -> int:
    """Largest growth of resident memory, in bytes."""
    return max(one[name].memory for one in rounds)


def markdown(columns: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def machine() -> dict[str, object]:
    """The machine in general terms."""
    return {
        "system": platform.system(),
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": os.getloadavg(),
    }


def environment(name: str, requirements: Sequence[str]) -> Path:
    """Interpreter of an environment that holds these requirements, made on first use and whenever they change."""
    folder = _ENVIRONMENTS / name
    stamp = folder / "requirements.sha256"
    wanted = hashlib.sha256("\n".join(requirements).encode()).hexdigest()
    python = folder / "bin" / "python"
    if not stamp.exists() or stamp.read_text() != wanted:
        _say(f"making the environment {name}: {', '.join(requirements)}")
        venv.create(folder, with_pip=True, clear=True)
        subprocess.run([str(python), "-m", "pip", "install", "-q", *requirements], check=True)
        stamp.write_text(wanted)
    return python


def as_json(rounds: Sequence[Round]) -> list[dict[str, dict[str, Any]]]:
    """Every reading, for the record."""
    return [{name: asdict(reading) for name, reading in one.items()} for one in rounds]


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _forget_peak() -> int:
    """Reset the peak of resident memory where the system lets us, and return what is resident now, in bytes."""
    clear = Path("/proc/self/clear_refs")
    if clear.exists():
        clear.write_text("5")
    return _status("VmRSS")


def _peak() -> int:
    return _status("VmHWM")


def _status(key: str) -> int:
    status = Path("/proc/self/status")
    if not status.exists():
        return 0
    line = next(line for line in status.read_text().splitlines() if line.startswith(key))
    return int(line.split()[1]) * 1024
