"""Architectures by name, sized to the data.

Add your own with `register_model`, or by an entry point in the group `kdtune.models`.
"""

from kdtune.models import (  # noqa: F401  (they register)
    _bert,
    _cifar_resnet,
    _cnn,
    _densenet,
    _lenet,
    _mlp,
    _torchvision_resnet,
    _transformers,
    _vit,
)
from kdtune.models._build import behaviour, build, check, names
from kdtune.models._ensemble import Ensemble
from kdtune.models._fitting import build_fitting
from kdtune.models._libraries import libraries_of
from kdtune.models._probe import multiplications, parameter_count, penultimate, watch_features
from kdtune.models._registry import Builder, Inputs, inputs_of, models, register_model

__all__ = [
    "Builder",
    "Ensemble",
    "Inputs",
    "behaviour",
    "build",
    "build_fitting",
    "check",
    "inputs_of",
    "libraries_of",
    "models",
    "multiplications",
    "names",
    "parameter_count",
    "penultimate",
    "register_model",
    "watch_features",
]
