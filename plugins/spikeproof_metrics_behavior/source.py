"""The source ``trials:PATH``: what subjects chose, from CSV files."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
from spikeproof.errors import BadParameter, DataError
from spikeproof.types import Inspection, Recording

from .reading import folders_of_sets, read_trial_sets, read_trials
from .trial_table import trials_table
from .trials import NO_CHOICE, Trials, short_image_name

__all__ = ["TrialFiles"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialFiles:
    """Trials of human observers (or animals) from CSV files laid out as in model-vs-human (Geirhos et al. 2021).

    A file, a folder of files (one image set, called by its name) or a folder of such folders (one image set each). In
    several image sets stimuli are called ``SET/IMAGE``, and subjects of one name are different people.
    """

    target: Annotated[str, "CSV file, folder of CSV files, or folder of such folders, one an image set."] = ""
    subject: Annotated[str, "Column of the subject."] = "subj"
    session: Annotated[str, "Column of the session, a whole number; empty if there is none."] = "session"
    trial: Annotated[str, "Column of the trial's number in its session; empty if there is none."] = "trial"
    rt: Annotated[str, "Column of the reaction time in seconds; empty if there is none."] = "rt"
    choice: Annotated[str, "Column of the choice."] = "object_response"
    category: Annotated[str, "Column of the right choice."] = "category"
    condition: Annotated[str, "Column of the condition; empty if there is none."] = "condition"
    image: Annotated[str, "Column of the image's name, from which stimuli are named."] = "imagename"
    distractor: Annotated[str, "Column of the other choice on offer, where two were."] = ""
    texture: Annotated[str, "Column of the texture's category, where image names do not say it."] = ""
    no_choice: Annotated[str, "What stands for no choice, in any case."] = "na"
    categories: Annotated[tuple[str, ...], "What may be chosen; empty for the categories of the images shown."] = ()
    names: Annotated[
        Literal["short", "full"],
        "Stimuli are named by what follows trial, observer and condition in an image's name, or by all of it.",
    ] = "short"

    def load(self) -> Recording:
        """Read all trials.

        Raises
        ------
        DataError
            If there is no file, or a row cannot be trusted (file and row are named).
        """
        sets = self.sets()
        subjects = sum(len(trials.subjects) for trials in sets.values())
        count = sum(len(trials.subject) for trials in sets.values())
        late = sum(int(np.count_nonzero(trials.response == NO_CHOICE)) for trials in sets.values())
        notes = [f"{count:,} trials of {subjects} subjects"]
        if late:
            notes.append(f"no choice was made on {late:,} of them")
        if len(sets) > 1:
            notes.append(
                f"{len(sets)} image sets: stimuli are called SET/IMAGE, and subjects of one name are different people"
            )
        return Recording(
            trials=trials_table(sets, prefixed=len(sets) > 1),
            identity={"source": self.where, "digest": self._digest()},
            notes=tuple(notes),
        )

    def inspect(self) -> Inspection:
        """Describe image sets, conditions and subjects."""
        from .inspecting import inspect_trials

        return inspect_trials(self)

    def sets(self) -> dict[str, Trials]:
        """Trials of every image set."""
        path = self._path()
        categories = self.categories or None
        shorten = short_image_name if self.names == "short" else str
        columns = {
            name: getattr(self, name)
            for name in ("subject", "session", "trial", "rt", "choice", "category", "condition", "image")
        } | {name: getattr(self, name) for name in ("distractor", "texture") if getattr(self, name)}
        if path.is_dir() and folders_of_sets(path):
            if any(path.glob("*.csv")):
                raise DataError(
                    f"{self.where}: holds CSV files and folders of CSV files ({folders_of_sets(path)[0].name!r}): name "
                    "the folder of one image set, or keep the files of each in a folder of its own"
                )
            return read_trial_sets(
                path, categories=categories, image_name=shorten, columns=columns, no_choice=self.no_choice
            )
        name = path.name if path.is_dir() else path.stem
        trials = read_trials(
            path, name=name, categories=categories, image_name=shorten, columns=columns, no_choice=self.no_choice
        )
        return {name: trials}

    @property
    def where(self) -> str:
        """The source as the user gave it."""
        return f"trials:{self.target}"

    def files(self) -> Mapping[str, Path]:
        """Every file that is read, by its name within the target."""
        path = self._path()
        if not path.is_dir():
            return {path.name: path}
        folders = folders_of_sets(path) or [path]
        return {str(file.relative_to(path)): file for folder in folders for file in sorted(folder.glob("*.csv"))}

    def _path(self) -> Path:
        if not self.target:
            raise BadParameter("trials: say where the trials are, as in trials:FILE.csv or trials:FOLDER")
        path = Path(self.target).expanduser()
        if not path.exists():
            raise DataError(f"{self.where}: there is no such file or folder")
        return path.resolve()

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for name, file in self.files().items():
            digest.update(f"{Path(name).as_posix()}\n{hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
        return digest.hexdigest()
