"""`DebugUnderflowOverflow`: where in a model numbers become too large, or no numbers."""

from collections import deque
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import NumericsError
from .choices import DebugOption as DebugOption


class DebugUnderflowOverflow:
    """Looks at the weights, inputs and outputs of every module after its forward; nothing else need be called.

    At the first inf or NaN it prints the last frames, one for each module, with the smallest and largest absolute value of each
    tensor, and ends the run. Of `trace_batch_nums` it prints all frames instead. Every tensor is read, so a run is much slower.

    Args:
        model: what is watched; a call of it is a batch, and they are counted from 0. max_frames_to_save: frames to print.
        trace_batch_nums: batches to print whole; inf and NaN in them end the run only after them.
        abort_after_batch_num: the batch after which the run ends.
    """

    def __init__(
        self,
        model: nn.Module,
        max_frames_to_save: int = 21,
        trace_batch_nums: Iterable[int] | None = None,
        abort_after_batch_num: int | None = None,
    ) -> None:
        self.model = model
        self.trace_batch_nums = list(trace_batch_nums or ())
        self.abort_after_batch_num = abort_after_batch_num
        self.frames: deque[str] = deque(maxlen=max_frames_to_save)
        self.batch_number = self.total_calls = 0
        self.detected_overflow = False
        self.module_names = {module: name for name, module in model.named_modules()}
        self._handles = [module.register_forward_hook(self.forward_hook) for module in model.modules()]

    def remove(self) -> None:
        """Stop watching."""
        for handle in self._handles:
            handle.remove()
        self._handles = []

    def forward_hook(self, module: nn.Module, input: Any, output: Any) -> None:
        """Take the frame of a module.

        Raises:
            NumericsError: inf or NaN, or the batch after which the run is to end.
        """
        traced = self.batch_number in self.trace_batch_nums
        title = f"\n\n{'':18}*** Starting batch number={self.batch_number} ***\nabs min  abs max  metadata\n"
        self.frames.append(f"{'' if self.total_calls else title}{self._frame(module, input, output)}")
        self.total_calls += 1
        if traced:
            self._print_frames()
        if self.detected_overflow and not traced:
            _say(f"\nDetected inf/nan during batch_number={self.batch_number}")
            _say(f"Last {len(self.frames)} forward frames:\nabs min  abs max  metadata")
            self._print_frames()
            raise NumericsError(
                f"inf or NaN in {self.module_names[module] or type(module).__name__} during batch {self.batch_number}; what led"
                " there was printed above: the smallest and largest absolute values of each module"
            )
        if module is not self.model:
            return
        if self.trace_batch_nums:  # otherwise what came before an overflow may be of the batch before
            self.frames.clear()
        last = self.abort_after_batch_num
        self.batch_number, self.total_calls = self.batch_number + 1, 0
        if last is not None and self.batch_number > last:
            raise NumericsError(f"the run ends after {self.batch_number} batches, as abort_after_batch_num={last} says")

    def _frame(self, module: nn.Module, input: Any, output: Any) -> str:
        lines = [f"{'':18}{self.module_names[module]} {type(module).__name__}"]
        lines += [self._line(value, name) for name, value in module.named_parameters(recurse=False)]
        lines += [self._line(value, f"input[{place}]") for place, value in enumerate(_parts(input))]
        outputs = _parts(output)
        names = [f"output[{place}]" for place in range(len(outputs))] if isinstance(output, tuple) else ["output"]
        names = [f"output[{name}]" for name in output] if isinstance(output, dict) else names
        lines += [self._line(value, name) for name, value in zip(names, outputs, strict=True)]
        return "\n".join(lines)

    def _line(self, value: Any, name: str) -> str:
        if not isinstance(value, Tensor):
            return f"{'None' if value is None else 'no tensor':>17} {name}"
        if detect_overflow(value, name):
            self.detected_overflow = True
        return get_abs_min_max(value, name)

    def _print_frames(self) -> None:
        _say("\n".join(self.frames))
        self.frames.clear()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (this is what it is for)


def _parts(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return list(value) if isinstance(value, tuple) else [value]


def get_abs_min_max(var: Tensor, ctx: str) -> str:
    """A line: the smallest and largest absolute value of a tensor, and its name."""
    if not var.numel():
        return f"{'empty':>17} {ctx}"
    size = var.detach().abs().float()
    return f"{float(size.min()):8.2e} {float(size.max()):8.2e} {ctx}"


def detect_overflow(var: Tensor, ctx: str) -> bool:
    """Whether a tensor holds inf or NaN; its name is printed then."""
    if not var.is_floating_point():
        return False
    found = [word for word, has in (("nans", torch.isnan), ("infs", torch.isinf)) if bool(has(var).any())]
    for word in found:
        _say(f"{ctx} has {word}")
    return bool(found)
