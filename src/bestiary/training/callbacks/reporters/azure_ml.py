"""Azure Machine Learning: what is logged becomes metrics of the run that the script is started in."""

from typing import Any

from ..base import TrainerControl, TrainerState
from ..reporter import Reporter

PACKAGES = ("azureml",)


class AzureMLCallback(Reporter):
    """Reports to Azure Machine Learning.

    Args:
        azureml_run: a run, instead of the one that the script is started in.
    """

    package = "azureml"

    def __init__(self, azureml_run: Any = None) -> None:
        super().__init__()
        self._run_class = self.tool("azureml.core.run").Run
        self.azureml_run = azureml_run

    def on_init_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Find the run."""
        if self.azureml_run is None and state.is_world_process_zero:
            self.azureml_run = self._run_class.get_context()

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Report each number, under the name it is logged by."""
        if self.azureml_run is None or not state.is_world_process_zero:
            return
        for name, value in (logs or {}).items():
            if isinstance(value, int | float):
                self.azureml_run.log(name, value, description=name)


CALLBACK = AzureMLCallback
