"""Metrics beside the packages they come from: times, numbers and memory, in one command.

    python benchmarks/metrics/run.py [--rounds 3] [--only WORD] [--json FILE] [--python PEER=PATH]
                                     [--mftma FILE] [--model-vs-human FILE] [--netrep FILE]

Both sides get the same arrays (``sizes.py``), one thread, and take turns round after round, each in a process of its
own; the numbers that came out are compared in the same rounds. Times start where each package's user starts:
observations with their labels for RDMs, choices with theirs for error consistency. It stops where numbers disagree.

* rsatoolbox, and scikit-learn as Brain-Score calls it (``peer_rsatoolbox.py``), from the package index.
* Brain-Score (``peer_brainscore.py``), from the package index, without what its metrics do not import.
* MFTMA, model-vs-human and netrep are on no package index. Their rows are measured where their own files are given:
  ``manifold_analysis_correlation.py`` of neural_manifolds_replicaMFT, ``plotting/analyses.py`` of model-vs-human and
  ``netrep/metrics/linear.py`` of netrep (``peer_clones.py``); otherwise they are left out, and that is said.

Bootstraps draw by themselves, so that their standard errors agree only as far as 1,000 draws allow; the last row gives
ours the draws of rsatoolbox, and both must then come to the same similarities. Memory: the peak of a fresh process that
makes 1,000 conditions x 7,000 channels x 10 repeats in double precision and computes RDMs of them (``memory.py``).
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns
import sizes

HERE = Path(__file__).resolve().parent
ENVIRONMENT = {
    "rsatoolbox": "rsatoolbox",
    "brainscore": "brainscore",
    "mftma": "clones",
    "model-vs-human": "clones",
    "netrep": "clones",
}
GIB = 2**30


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One row: what is computed, beside whom, how many times faster it must be, and how closely numbers must agree."""

    name: str
    peer: str
    task: str
    arguments: dict[str, Any] = field(default_factory=dict)
    bar: float = 1.0
    agree: float = 1e-9


CASES = (
    Case(name="RDM, correlation", peer="rsatoolbox", task="rdm", arguments={"distance": "correlation"}, bar=8),
    Case(name="RDM, squared Euclidean", peer="rsatoolbox", task="rdm", arguments={"distance": "euclidean"}),
    Case(name="RDM, Mahalanobis", peer="rsatoolbox", task="rdm", arguments={"distance": "mahalanobis"}),
    Case(name="RDM, crossnobis", peer="rsatoolbox", task="rdm", arguments={"distance": "crossnobis"}, bar=7),
    Case(
        name="RDM, crossnobis, full precision",
        peer="rsatoolbox",
        task="rdm",
        arguments={"distance": "crossnobis, precision"},
    ),
    Case(name="noise covariance, shrunk", peer="rsatoolbox", task="covariance", bar=12),
    *(
        Case(name=f"comparison of RDMs, {method}", peer="rsatoolbox", task="compare", arguments={"method": method})
        for method in ("cosine", "corr", "corr_cov", "spearman", "rho-a", "tau-a")
    ),
    Case(
        name="bootstrap over conditions",
        peer="rsatoolbox",
        task="bootstrap",
        arguments={"over": "conditions"},
        bar=30,
        agree=0.15,
    ),
    Case(
        name="bootstrap over subjects",
        peer="rsatoolbox",
        task="bootstrap",
        arguments={"over": "subjects"},
        agree=0.15,
    ),
    Case(
        name="predictivity, PLS-25",
        peer="rsatoolbox",
        task="predictivity",
        arguments={"method": "pls", "splits": 1},
        bar=15,
        agree=1e-3,
    ),
    Case(
        name="predictivity, ridge, 4 splits",
        peer="rsatoolbox",
        task="predictivity",
        arguments={"method": "ridge", "splits": 4},
    ),
    Case(
        name="predictivity, ridge of 9 penalties",
        peer="rsatoolbox",
        task="predictivity",
        arguments={"method": "ridgecv", "splits": 1},
    ),
    Case(name="internal consistency", peer="brainscore", task="consistency", bar=200),
    Case(name="error consistency", peer="brainscore", task="kappa", bar=80),
    Case(name="error consistency", peer="model-vs-human", task="kappa", bar=80),
    Case(name="CKA, debiased", peer="brainscore", task="cka", arguments={"debiased": True}),
    Case(name="CKA, biased", peer="brainscore", task="cka", arguments={"debiased": False}),
    *(
        Case(
            name=f"image-level consistency, {level}", peer="brainscore", task="image level", arguments={"level": level}
        )
        for level in ("i1", "i2n")
    ),
    Case(name="shape distance, Procrustes", peer="netrep", task="shape", arguments={"alpha": 1.0}),
    Case(name="shape distance, alpha 0.5", peer="netrep", task="shape", arguments={"alpha": 0.5}),
    Case(name="manifold capacity (MFTMA)", peer="mftma", task="capacity", bar=50, agree=1e-4),
)


def main() -> None:
    """Run them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="rounds that count (default: 3)")
    parser.add_argument("--only", default="", help="only rows whose name holds this")
    parser.add_argument("--json", type=Path, help="file for every reading")
    parser.add_argument(
        "--python",
        action="append",
        default=[],
        metavar="PEER=PATH",
        help="interpreter of an environment that holds a peer (rsatoolbox, brainscore, clones); default: one is made",
    )
    parser.add_argument("--mftma", type=Path, metavar="FILE", help="its mftma/manifold_analysis_correlation.py")
    parser.add_argument("--model-vs-human", type=Path, metavar="FILE", help="its modelvshuman/plotting/analyses.py")
    parser.add_argument("--netrep", type=Path, metavar="FILE", help="its netrep/metrics/linear.py")
    asked = parser.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    sources = {"mftma": asked.mftma, "model-vs-human": asked.model_vs_human, "netrep": asked.netrep}
    pythons = {name: Path(path) for name, _, path in (one.partition("=") for one in asked.python)}
    rows, record = [], {}
    with ExitStack() as stack:
        ours = stack.enter_context(turns.Worker(HERE / "ours.py", threads=1))
        peers: dict[str, turns.Worker] = {}
        for case in CASES:
            if asked.only not in case.name:
                continue
            label = f"{case.name} / {case.peer}"
            if case.peer in sources and sources[case.peer] is None:
                rows.append([case.name, case.peer, *["not measured: its file was not given"], *[""] * 5])
                continue
            made = ENVIRONMENT[case.peer]
            if made not in peers:
                python = pythons.get(made) or turns.environment(made, (HERE / f"{made}.txt").read_text().split())
                peers[made] = stack.enter_context(turns.Worker(HERE / f"peer_{made}.py", python=python, threads=1))
            given = {"source": str(sources[case.peer])} if case.peer in sources else {}
            turns_taken, apart = compare(case, ours, peers[made], given, asked.rounds)
            record[label] = {"rounds": turns.as_json(turns_taken), "difference": apart}
            rows.append(row(case, turns_taken, apart))
            if case.task == "bootstrap" and case.arguments["over"] == "conditions":
                theirs = peers[made].run("bootstrap", over="conditions", values=True)
                apart = agreed("the peer's draws", ours.run("draws of peer"), theirs, 1e-9)
                record[f"{label}, its draws"] = {"difference": apart}
    peaks = memory() if not asked.only else {}
    columns = ["metric", "peer", "times faster, CPU", "wall", "ours, CPU", "peer, CPU", "numbers apart by", "aim"]
    print(turns.markdown(columns, rows))
    for name, peak in peaks.items():
        print(f"\npeak memory, {name}: {peak / GIB:.2f} GiB (aim: below 4)")
    if asked.json:
        kept = {"machine": turns.machine(), "cases": record, "peaks": peaks}
        asked.json.write_text(json.dumps(kept, indent=1))


def compare(
    case: Case, ours: turns.Worker, peer: turns.Worker, given: dict[str, str], rounds: int
) -> tuple[list[turns.Round], float]:
    """Take turns, and return the readings and the largest relative difference between the two sides' numbers."""
    print(f"{case.name} beside {case.peer}", file=sys.stderr, flush=True)
    taken = turns.take_turns(
        {
            "ours": lambda: ours.run(case.task, **case.arguments),
            "peer": lambda: peer.run(case.task, **case.arguments, **given),
        },
        rounds=rounds,
    )
    apart = max(agreed(case.name, one["ours"], one["peer"], case.agree) for one in taken)
    for side in (ours, peer):
        side.run("forget")
    return taken, apart


def agreed(name: str, ours: turns.Reading, peer: turns.Reading, allowed: float) -> float:
    """The largest relative difference, refused above what is allowed."""
    apart = sizes.difference(ours.value, peer.value)
    if not apart <= allowed:
        raise SystemExit(f"{name}: the numbers of the two sides are {apart:.2g} apart, more than {allowed:g}")
    return apart


def row(case: Case, taken: list[turns.Round], apart: float) -> list[object]:
    """One line of the table."""
    cpu, least, most = turns.ratio(taken, "peer", "ours", of="cpu")
    wall = turns.ratio(taken, "peer", "ours")[0]
    own, other = (statistics.median(one[side].cpu for one in taken) for side in ("ours", "peer"))
    aim = f"at least {case.bar:g}" if case.bar > 1 else "not slower"
    met = "met" if cpu >= case.bar else "**not met**"
    return [
        case.name,
        case.peer,
        f"{cpu:.3g} ({least:.3g} to {most:.3g})",
        f"{wall:.3g}",
        f"{1e3 * own:.3g} ms",
        f"{1e3 * other:.3g} ms",
        f"{apart:.1g}",
        f"{aim}: {met}",
    ]


def memory() -> dict[str, int]:
    """Peak of resident memory of fresh processes, in bytes."""
    peaks = {}
    for name in ("correlation", "crossnobis"):
        print(f"memory: {name}", file=sys.stderr, flush=True)
        one = subprocess.run([sys.executable, HERE / "memory.py", name], check=True, capture_output=True, text=True)
        peaks[name] = int(one.stdout)
    return peaks


if __name__ == "__main__":
    main()
