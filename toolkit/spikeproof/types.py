"""The data model and the protocols that components satisfy. No base class needs to be inherited."""

from __future__ import annotations

from .acceleration import Accelerable, Cone, Coned, Precision, Unchecked
from .code import Code
from .encoding import Encoder, Encoding, FittedEncoder, Mapped, Predictor, Selective
from .evidence import Evidence
from .hidden import Layered, ShiftedLayer
from .inspection import Inspection, InspectionTable, source_options
from .network import NetworkEvidence, Transparent
from .noise import ItemNoise, generator
from .protocols.attack import Attack, Control, MinimalAttack, Pursuing
from .protocols.bound import Decisions, HiddenValues, ItemObjective
from .protocols.metric import Metric
from .protocols.model import Model, Network, ResponseModel
from .protocols.objective import Goal, Matching, Objective, Readings
from .protocols.readout import Readout, StimulusReadout
from .protocols.response_attack import ResponseAttack, ResponsePerturbation
from .protocols.source import Inspectable, Source
from .readout import LinearReadout
from .recording import Recording
from .scores import MeanScore, Quantity, Repeats, Sample, Score, StudyEvidence, StudyMetric
from .stimuli import StimulusSet

__all__ = [
    "Accelerable",
    "Attack",
    "Code",
    "Cone",
    "Coned",
    "Control",
    "Decisions",
    "Encoder",
    "Encoding",
    "Evidence",
    "FittedEncoder",
    "Goal",
    "HiddenValues",
    "Inspectable",
    "Inspection",
    "InspectionTable",
    "ItemNoise",
    "ItemObjective",
    "Layered",
    "LinearReadout",
    "Mapped",
    "Matching",
    "MeanScore",
    "Metric",
    "MinimalAttack",
    "Model",
    "Network",
    "NetworkEvidence",
    "Objective",
    "Precision",
    "Predictor",
    "Pursuing",
    "Quantity",
    "Readings",
    "Readout",
    "Recording",
    "Repeats",
    "ResponseAttack",
    "ResponseModel",
    "ResponsePerturbation",
    "Sample",
    "Score",
    "Selective",
    "ShiftedLayer",
    "Source",
    "StimulusReadout",
    "StimulusSet",
    "StudyEvidence",
    "StudyMetric",
    "Transparent",
    "Unchecked",
    "generator",
    "source_options",
]
