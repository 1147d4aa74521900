"""The table of backends, and which one is taken by default."""

from .backend import HPSearchBackend, HyperParamSearchBackendBase
from .backends.halving import HalvingBackend
from .backends.optuna import OptunaBackend
from .backends.random import RandomBackend
from .backends.ray import RayTuneBackend
from .backends.sigopt import SigOptBackend
from .backends.wandb import WandbBackend

ALL_HYPERPARAMETER_SEARCH_BACKENDS: dict[HPSearchBackend, type[HyperParamSearchBackendBase]] = {
    HPSearchBackend(backend.name): backend
    for backend in (OptunaBackend, RayTuneBackend, WandbBackend, SigOptBackend, RandomBackend, HalvingBackend)
}


def default_hp_search_backend() -> str:
    """The first backend whose package is installed, of optuna, ray and wandb in this order; without any, random."""
    packages = (backend for backend in ALL_HYPERPARAMETER_SEARCH_BACKENDS.values() if backend.package is not None)
    return next((backend.name for backend in packages if backend.is_available()), RandomBackend.name)
