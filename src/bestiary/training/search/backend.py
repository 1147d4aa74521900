"""The backends of a search: their names, what each must be able to do, and which is taken by default."""

from typing import Any

from ...core.errors import ArgumentError, MissingDependency
from ...core.explicit_enum import ExplicitEnum
from ...core.optional import available, install_hint
from .best_run import BestRun


class HPSearchBackend(ExplicitEnum):
    """The names of the backends: three packages, and three that need none."""

    OPTUNA = "optuna"
    RAY = "ray"
    WANDB = "wandb"
    SIGOPT = "sigopt"
    RANDOM = "random"
    HALVING = "halving"


class HyperParamSearchBackendBase:
    """What chooses the trials of a search. A subclass sets `name`, and defines `run`, and `default_space` or its method.

    Fields:
        name: by which `hyperparameter_search` knows it. package: that it needs; None where it needs none.
        pip_package: what is installed for it, where that is called differently.
    """

    name: str
    package: str | None = None
    pip_package: str | None = None
    default_space: Any = None

    @classmethod
    def is_available(cls) -> bool:
        """Whether its package is installed."""
        return cls.package is None or available(cls.package)

    def run(self, trainer: Any, n_trials: int, direction: str | list[str], **kwargs: Any) -> BestRun | list[BestRun]:
        """Train `n_trials` times by `trainer.train(trial=...)` and return the best."""
        raise TypeError(f"{type(self).__name__} defines no run()")

    def default_hp_space(self, trial: Any) -> Any:
        """What is searched where nobody says: `default_space` of the trial."""
        if self.default_space is None:
            raise TypeError(f"{type(self).__name__} defines no default_hp_space()")
        return self.default_space(trial)

    def ensure_available(self) -> None:
        """Return if the package is installed.

        Raises:
            MissingDependency: it is not.
        """
        if not self.is_available():
            raise MissingDependency(
                f"the search with backend={self.name!r} needs the package {self.package!r}, which is not installed:"
                f" {self.pip_install()}; backend='random' needs none"
            )

    @classmethod
    def space_of(cls, trainer: Any, form: str) -> dict[str, Any]:
        """The space of a search whose trials are drawn elsewhere: a dict that `hp_space` gives without a trial.

        Args:
            form: what such a dict looks like.

        Raises:
            ArgumentError: it gives something else, or asks a trial for values.
        """
        try:
            space = trainer.hp_space(None)
        except AttributeError as error:
            raise ArgumentError(
                f"hp_space asks its trial for values, which is how Optuna has it; with backend={cls.name!r} it gets None, and"
                f" returns {form}"
            ) from error
        if not isinstance(space, dict):
            raise ArgumentError(f"hp_space gave {space!r:.80}; with backend={cls.name!r} expected {form}")
        return space

    @classmethod
    def pip_install(cls) -> str:
        """The command that installs its package."""
        if cls.pip_package is not None or cls.package is None:
            return f"pip install {cls.pip_package or cls.name}"
        return install_hint(cls.package)
