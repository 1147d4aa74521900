"""What scripts ask about the tools that a training reports to, under its published names."""

from typing import Any

from ..core import plugins
from ..training.callbacks import reporting
from ..training.callbacks.reporter import Reporter
from .helpers import is_tensorboard_available as is_tensorboard_available


def get_available_reporting_integrations() -> list[str]:
    """The tools that are installed."""
    return reporting.installed()


def get_reporting_integration_callbacks(report_to: Any) -> list[type[Reporter]]:
    """The classes that report to what `report_to` names.

    Raises:
        ArgumentError: a name of no tool.
    """
    return list(reporting.callbacks_of(report_to))


def hp_params(trial: Any) -> dict[str, Any]:
    """The hyperparameters of a trial of Optuna, or a dict of them.

    Raises:
        RuntimeError: it is neither.
    """
    params = trial if isinstance(trial, dict) else getattr(trial, "params", None)
    if not isinstance(params, dict):
        raise RuntimeError(f"a trial is a dict, or has params; found {type(trial).__name__}")
    return params


def is_mlflow_available() -> bool:
    """Whether MLflow is installed, and not turned off by `DISABLE_MLFLOW_INTEGRATION`."""
    return reporting.is_installed("mlflow") and not reporting.is_turned_off("mlflow")


def is_kubeflow_available() -> bool:
    """Whether the training runs in a job of Kubeflow, and `DISABLE_KUBEFLOW_INTEGRATION` does not turn reports off."""
    return reporting.is_installed("kubeflow") and not reporting.is_turned_off("kubeflow")


def __getattr__(name: str) -> Any:
    if name == "INTEGRATION_TO_CALLBACK":
        return {each: reporting.callback_of(each) for each in reporting.names()}
    for tool, classes in plugins.published(reporting.FOLDER).items():
        if name in classes:
            return getattr(plugins.load(reporting.FOLDER, tool, "reporter"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    classes = [each for found in plugins.published(reporting.FOLDER).values() for each in found]
    return sorted({*(name for name in globals() if not name.startswith("_")), *classes, "INTEGRATION_TO_CALLBACK"})
