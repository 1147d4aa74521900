"""DagsHub: what goes to MLflow, whose server it has, and what the training wrote."""

import os
from pathlib import PurePosixPath
from typing import Any

from ....core.errors import MissingReporter
from ..base import TrainerControl, TrainerState
from ..reporter import says_yes
from .mlflow import MLflowCallback

PACKAGES = ("dagshub mlflow",)


class DagsHubCallback(MLflowCallback):
    """Reports to the MLflow of a repository.

    `MLFLOW_TRACKING_URI`, which `dagshub.init()` sets, says which; with `HF_DAGSHUB_LOG_ARTIFACTS` what is in `output_dir` is
    kept in it, under `artifacts` of the branch that `BRANCH` names (main).
    """

    def __init__(self) -> None:
        super().__init__()
        self._repository = self.tool("dagshub.upload").Repo

    def setup(self, args: Any, state: TrainerState, model: Any, **kwargs: Any) -> None:
        """Find the repository; then as MLflow's.

        Raises:
            MissingReporter: nothing names it.
        """
        address = os.environ.get("MLFLOW_TRACKING_URI", "")
        owner, name = PurePosixPath(address).parts[-2:] if address.count("/") > 1 else ("", "")
        if not name:
            raise MissingReporter(
                f"report_to names dagshub, and MLFLOW_TRACKING_URI is {address!r:.60}; expected the address of a repository's"
                " MLflow, https://dagshub.com/OWNER/NAME.mlflow: call dagshub.init(NAME, OWNER) before the training"
            )
        branch = os.environ.get("BRANCH") or "main"
        self.repo = self._repository(owner=owner, name=name.partition(".")[0], branch=branch)
        super().setup(args, state, model, **kwargs)

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Keep what the training wrote, if asked to; and end the run, if this opened it."""
        if self._initialized and state.is_world_process_zero and says_yes(os.environ.get("HF_DAGSHUB_LOG_ARTIFACTS")):
            self.repo.directory("artifacts").add_dir(args.output_dir)
        super().on_train_end(args, state, control, **kwargs)


CALLBACK = DagsHubCallback
