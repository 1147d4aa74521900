"""Asking an accelerator whether anything goes on, without waiting for what was queued after the question."""

import torch
from torch import Tensor


class LateFlag:
    """A boolean of the GPU, read without waiting for what was queued after it."""

    def __init__(self) -> None:
        self._host = torch.ones((), dtype=torch.bool, pin_memory=True)
        self._event = torch.cuda.Event()
        self._posted = False

    def post(self, running: Tensor) -> None:
        """Send whether any row goes on."""
        self._host.copy_(running.any(), non_blocking=True)
        self._event.record()
        self._posted = True

    def raised(self) -> bool:
        """Whether what was sent last said that none does."""
        if self._posted:
            self._event.synchronize()
        return self._posted and not bool(self._host)


def late_flag(device: torch.device) -> LateFlag | None:
    """A flag for devices that work behind the host's back; None for the CPU, where a look costs nothing."""
    return LateFlag() if device.type == "cuda" else None
