"""What code around a trainer asks its arguments for, and follows from them."""

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from .processes import Processes

if TYPE_CHECKING:
    from torch import device


class DerivedArguments:
    """Properties of `TrainingArguments` under published names, beside those that the trainer itself goes by."""

    default_optim = "adamw_torch_fused"
    deepspeed_plugin: Any = None  # of DeepSpeed, which `Trainer` cannot run yet

    @property
    def ddp_timeout_delta(self: Any) -> timedelta:
        """How long to wait for another process."""
        return timedelta(seconds=self.ddp_timeout)

    @property
    def distributed_state(self: Any) -> Any:
        """The `accelerate.PartialState` of the processes."""
        return Processes.state(self.use_cpu, self.ddp_backend, self.ddp_timeout)

    @property
    def mixed_precision(self: Any) -> str:
        """The type that forwards compute in beside fp32: bf16, fp16 or no."""
        return "bf16" if self.bf16 else "fp16" if self.fp16 else "no"

    @property
    def _n_gpu(self: Any) -> int:
        gpus: int = self.n_gpu
        return gpus

    @property
    def _setup_devices(self: Any) -> "device":
        chosen: device = self.device
        return chosen
