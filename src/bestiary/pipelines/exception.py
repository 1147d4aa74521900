"""`PipelineException`: a pipeline cannot answer what it was asked."""

from ..core.errors import InputError


class PipelineException(InputError):
    """Raised where the input does not suit the `task` of the `model`, as `reason` says."""

    code = InputError.code

    def __init__(self, task: str, model: str, reason: str) -> None:
        super().__init__(reason)
        self.task, self.model = task, model
