"""What is searched where nobody says: learning rate, epochs, seed and batch size, in the words of each backend."""

from typing import Any

from ...core.optional import require

_RATES = (1e-6, 1e-4)
_BATCHES = [4, 8, 16, 32, 64]


def default_hp_space_optuna(trial: Any) -> dict[str, Any]:
    """For Optuna, and for the searches that are built in."""
    return {
        "learning_rate": trial.suggest_float("learning_rate", *_RATES, log=True),
        "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 5),
        "seed": trial.suggest_int("seed", 1, 40),
        "per_device_train_batch_size": trial.suggest_categorical("per_device_train_batch_size", _BATCHES),
    }


def default_hp_space_ray(trial: Any = None) -> dict[str, Any]:
    """For Ray Tune.

    Raises:
        MissingDependency: it is not installed.
    """
    tune: Any = require("ray.tune", "the search space of Ray")
    return {
        "learning_rate": tune.loguniform(*_RATES),
        "num_train_epochs": tune.choice(list(range(1, 6))),
        "seed": tune.uniform(1, 40),
        "per_device_train_batch_size": tune.choice(list(_BATCHES)),
    }


def default_hp_space_sigopt(trial: Any = None) -> list[dict[str, Any]]:
    """A list of parameters, as SigOpt had them."""
    low, high = _RATES
    return [
        {"name": "learning_rate", "type": "double", "bounds": {"min": low, "max": high}, "transformation": "log"},
        {"name": "num_train_epochs", "type": "int", "bounds": {"min": 1, "max": 6}},
        {"name": "seed", "type": "int", "bounds": {"min": 1, "max": 40}},
        {"name": "per_device_train_batch_size", "type": "categorical", "categorical_values": [str(size) for size in _BATCHES]},
    ]


def default_hp_space_wandb(trial: Any = None) -> dict[str, Any]:
    """A sweep of Weights & Biases."""
    low, high = _RATES
    return {
        "method": "random",
        "metric": {"name": "objective", "goal": "minimize"},
        "parameters": {
            "learning_rate": {"distribution": "uniform", "min": low, "max": high},
            "num_train_epochs": {"distribution": "int_uniform", "min": 1, "max": 6},
            "seed": {"distribution": "int_uniform", "min": 1, "max": 40},
            "per_device_train_batch_size": {"values": list(_BATCHES)},
        },
    }
