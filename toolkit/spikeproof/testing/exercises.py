"""Uses a component once, as its kind is used."""

from __future__ import annotations

from .attacks import attacked
from .controls import controlled
from .encoders import fitted_encoder
from .metrics import measured
from .minimal_attacks import reached
from .models import read
from .objectives import valued
from .readouts import fitted, identify
from .response_attacks import perturbed
from .subject import Subject

__all__ = ["exercise"]


def exercise(subject: Subject) -> None:
    """Make the component and use it once on a toy problem."""
    entry = subject.entry
    match subject.chosen.kind:
        case "attack" if entry.domain == "response":
            perturbed(subject)
        case "attack" if entry.control:
            controlled(subject, subject.norms[0])
        case "attack" if entry.kind == "minimal":
            reached(subject, subject.norms[0])
        case "attack":
            attacked(subject, subject.norms[0])
        case "encoder":
            fitted_encoder(subject)
        case "metric":
            measured(subject)
        case "objective":
            valued(subject)
        case "readout" if entry.head:
            subject.build()
        case "readout" if entry.chooses == "stimulus":
            identify(subject)
        case "readout":
            fitted(subject)
        case "source":
            subject.build().load()
        case "model":
            read(subject)
        case _:
            subject.build()
