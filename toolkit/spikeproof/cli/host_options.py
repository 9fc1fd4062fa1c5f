"""The options of ``run`` that belong to spikeproof itself, not to a component."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from .options import LineOption

__all__ = ["COMPONENTS", "MODEL_KEYS", "OPTIONS", "OUTPUT", "RUNNING", "STUDY_KEYS", "TOP_KEYS", "USUAL_AIMS"]

_INPUTS, _THREAT, _SEARCH, _MEASURES = "Inputs", "Threat", "Search", "Measures"
OUTPUT = "Output and running"

COMPONENTS: dict[str, str] = {
    "source": "--source",
    "model": "--model",
    "encoder": "--encoder",
    "readout": "--readout",
    "objective": "--aims",
    "attack": "--attack",
    "metric": "--metric",
}
"""The option that chooses the components of each kind."""

MODEL_KEYS: dict[str, str] = {"layer": "layers", "units": "units", "population": "population"}
"""Key that an option sets in every [[model]]."""

TOP_KEYS = ("seed", "join", "manifest")
"""Keys at the top of the study file that options of their name set."""

STUDY_KEYS: dict[str, tuple[str, str]] = {
    "norm": ("threat", "norm"),
    "epsilons": ("threat", "epsilons"),
    "aims": ("threat", "aims"),
    "stimuli": ("threat", "stimuli"),
    "controls": ("threat", "controls"),
    "precision": ("engine", "precision"),
    "compile": ("engine", "compile"),
    "accelerate": ("engine", "accelerate"),
    "longer_items": ("engine", "longer_items"),
    "draws": ("statistics", "draws"),
}
"""Table and key of the study file that an option sets."""

USUAL_AIMS = ("unit", "population", "behavior")
"""The aims of a study that names none."""

OPTIONS: tuple[LineOption, ...] = (
    LineOption(
        name="source",
        flag="--source",
        annotation=list[str],
        metavar="SPEC",
        panel=_INPUTS,
        help="Recording, images, or both. Several make one recording.",
    ),
    LineOption(
        name="join",
        flag="--join",
        annotation=Literal["shared", "union", "rounds"],
        default="shared",
        panel=_INPUTS,
        help="Which stimuli several recordings are joined over: those that every one showed, or those that any did; "
        "rounds: recordings of the same units, one after another.",
    ),
    LineOption(
        name="manifest",
        flag="--manifest",
        annotation=list[str],
        metavar="DIR",
        panel=_INPUTS,
        help="What `spikeproof stimuli` wrote, where the recording is of its images. Several are several rounds.",
    ),
    LineOption(
        name="model",
        flag="--model",
        annotation=list[str],
        metavar="SPEC",
        panel=_INPUTS,
        help="Network whose units are read and attacked.",
    ),
    LineOption(
        name="layer",
        flag="--layer",
        annotation=list[str],
        metavar="NAME",
        panel=_INPUTS,
        help="Layers to read, of every model.",
    ),
    LineOption(
        name="units",
        flag="--units",
        annotation=str,
        metavar="<int|all>",
        default="all",
        panel=_INPUTS,
        help="How many units of each layer are aimed at one by one, drawn with the seed.",
    ),
    LineOption(
        name="population",
        flag="--population",
        annotation=str,
        metavar="<int|all>",
        default="all",
        panel=_INPUTS,
        help="How many live units of each layer make up the code.",
    ),
    LineOption(
        name="encoder",
        flag="--encoder",
        annotation=list[str],
        metavar="SPEC",
        panel=_INPUTS,
        help="Map from a network's features to the recorded units; what it predicts is attacked, in-silico.",
    ),
    LineOption(
        name="readout",
        flag="--readout",
        annotation=str,
        metavar="SPEC",
        panel=_INPUTS,
        help="Classifier on the units: its choices are the code's behaviour.",
    ),
    LineOption(
        name="norm",
        flag="--norm",
        annotation=Literal["l1", "l2", "linf"],
        default="l2",
        panel=_THREAT,
        help="Norm of the ball that perturbations of images stay in.",
    ),
    LineOption(
        name="epsilons",
        flag="--epsilons",
        annotation=list[str],
        metavar="<float,...>",
        panel=_THREAT,
        help="Radii of the ball, ascending, on images in [0, 1].",
    ),
    LineOption(
        name="aims",
        flag="--aims",
        annotation=list[str],
        metavar="NAME,...",
        default=USUAL_AIMS,
        panel=_THREAT,
        help="Objectives: what attacks are meant to move.",
    ),
    LineOption(
        name="stimuli",
        flag="--stimuli",
        annotation=str,
        metavar="<int|all>",
        default="all",
        panel=_THREAT,
        help="How many stimuli are attacked, in a seeded order.",
    ),
    LineOption(
        name="controls",
        flag="--controls",
        annotation=list[str],
        metavar="NAME,...",
        default=("random", "flipped"),
        panel=_THREAT,
        help="Perturbations of equal norm to compare with.",
    ),
    LineOption(
        name="attack",
        flag="--attack",
        annotation=list[str],
        metavar="SPEC",
        panel=_THREAT,
        help="How perturbations are searched.",
    ),
    LineOption(
        name="precision",
        flag="--precision",
        annotation=Literal["float32", "bf16-polish"],
        default="float32",
        panel=_SEARCH,
        help="Arithmetic of the search. bf16-polish ends in float32. Responses are always read in float32.",
    ),
    LineOption(
        name="compile",
        flag="--compile",
        annotation=bool,
        negatable=True,
        default=False,
        panel=_SEARCH,
        help="Compile the network that is searched on: half a minute, then faster.",
    ),
    LineOption(
        name="accelerate",
        flag="--accelerate",
        annotation=bool,
        negatable=True,
        default=True,
        panel=_SEARCH,
        help="Search on a faster equivalent of the network, once it was found to agree with it.",
    ),
    LineOption(
        name="longer_items",
        flag="--longer-items",
        annotation=str,
        metavar="<int|auto>",
        default="auto",
        panel=_SEARCH,
        help="How many items of each aim are searched 10 times longer, to see what that gains.",
    ),
    LineOption(
        name="metric",
        flag="--metric",
        annotation=list[str],
        metavar="SPEC",
        panel=_MEASURES,
        help="What is measured.",
    ),
    LineOption(
        name="draws",
        flag="--draws",
        annotation=int,
        default=1000,
        panel=_MEASURES,
        help="Bootstrap draws behind each interval.",
    ),
    LineOption(
        name="seed",
        flag="--seed",
        annotation=int,
        default=0,
        panel=_MEASURES,
        help="Seed of all that is drawn.",
    ),
)

RUNNING: tuple[LineOption, ...] = (
    LineOption(
        name="out",
        flag="--out",
        annotation=Path,
        metavar="DIR",
        panel=OUTPUT,
        help="Result folder. Without it: results/ and the study's name.",
    ),
    LineOption(
        name="resume",
        flag="--resume",
        annotation=bool,
        panel=OUTPUT,
        help="Go on where a run of the same study stopped.",
    ),
    LineOption(
        name="batch",
        flag="--batch",
        annotation=str,
        metavar="<int|tuned>",
        default="64, on CUDA 512",
        panel=OUTPUT,
        help="Images that pass a network at once; tuned: the fastest of some, timed. Results differ by rounding.",
    ),
    LineOption(
        name="device",
        flag="--device",
        annotation=Literal["auto", "cpu", "cuda"],
        default="auto",
        panel=OUTPUT,
        help="Where networks run.",
    ),
    LineOption(
        name="save_study",
        flag="--save-study",
        annotation=Path,
        metavar="FILE",
        panel=OUTPUT,
        help="Also write the study as a file that runs the same.",
    ),
    LineOption(
        name="dry_run",
        flag="--dry-run",
        annotation=bool,
        panel=OUTPUT,
        help="Check the study and its components, print it, run nothing.",
    ),
)
