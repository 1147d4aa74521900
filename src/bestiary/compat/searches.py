"""What scripts import around `Trainer.hyperparameter_search`."""

from typing import Any

from ..core.optional import available
from ..training.search.all_backends import ALL_HYPERPARAMETER_SEARCH_BACKENDS as ALL_HYPERPARAMETER_SEARCH_BACKENDS
from ..training.search.all_backends import default_hp_search_backend as default_hp_search_backend
from ..training.search.backend import HPSearchBackend as HPSearchBackend
from ..training.search.backend import HyperParamSearchBackendBase as HyperParamSearchBackendBase
from ..training.search.backends.optuna import OptunaBackend as OptunaBackend
from ..training.search.backends.ray import RayTuneBackend as RayTuneBackend
from ..training.search.backends.sigopt import SigOptBackend as SigOptBackend
from ..training.search.backends.wandb import WandbBackend as WandbBackend
from ..training.search.best_run import BestRun as BestRun
from ..training.search.best_run import default_compute_objective as default_compute_objective
from ..training.search.default_spaces import default_hp_space_optuna as default_hp_space_optuna
from ..training.search.default_spaces import default_hp_space_ray as default_hp_space_ray
from ..training.search.default_spaces import default_hp_space_sigopt as default_hp_space_sigopt
from ..training.search.default_spaces import default_hp_space_wandb as default_hp_space_wandb
from ..training.search.running import params_of

hp_params = params_of


def is_optuna_available() -> bool:
    """Whether Optuna is installed."""
    return available("optuna")


def is_ray_available() -> bool:
    """Whether Ray is installed."""
    return available("ray")


def is_ray_tune_available() -> bool:
    """Whether Ray is installed with its part Tune."""
    return RayTuneBackend.is_available()


def is_sigopt_available() -> bool:
    """Yes: spaces of SigOpt's form are searched without its client."""
    return True


def run_hp_search_optuna(trainer: Any, n_trials: int, direction: Any, **kwargs: Any) -> Any:
    """The search by Optuna, within `Trainer.hyperparameter_search`."""
    return OptunaBackend().run(trainer, n_trials, direction, **kwargs)


def run_hp_search_ray(trainer: Any, n_trials: int, direction: Any, **kwargs: Any) -> Any:
    """The search by Ray Tune, within `Trainer.hyperparameter_search`."""
    return RayTuneBackend().run(trainer, n_trials, direction, **kwargs)


def run_hp_search_wandb(trainer: Any, n_trials: int, direction: Any, **kwargs: Any) -> Any:
    """The search by sweeps of Weights & Biases, within `Trainer.hyperparameter_search`."""
    return WandbBackend().run(trainer, n_trials, direction, **kwargs)
