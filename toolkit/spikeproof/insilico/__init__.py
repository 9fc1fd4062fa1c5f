"""In-silico systems: encoders fitted to a recording, gated by how well they predict, as ordinary response models."""

from __future__ import annotations

from .features import Features, read_features
from .fitting import EncoderFit, Recipe, fit_encoder
from .folds import stimulus_folds
from .model import InSilicoModel, in_silico_model
from .training import Training, training_data

__all__ = [
    "EncoderFit",
    "Features",
    "InSilicoModel",
    "Recipe",
    "Training",
    "fit_encoder",
    "in_silico_model",
    "read_features",
    "stimulus_folds",
    "training_data",
]
