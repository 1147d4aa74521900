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
        # Frames of modules, and the lines of the one that is being made.
        self.frames: deque[str] = deque(maxlen=max_frames_to_save)
        self.frame: list[str] = []
        self.batch_number = self.total_calls = 0
        self.detected_overflow = False
        self.prefix = " " * 17
        self._handles: list[Any] = []
        self.analyse_model()
        self.register_forward_hook()

    def analyse_model(self) -> None:
        """Note what the modules are called."""
        self.module_names = {module: name for name, module in self.model.named_modules()}

    def register_forward_hook(self) -> None:
        """Watch all modules."""
        self._handles += [module.register_forward_hook(self.forward_hook) for module in self.model.modules()]

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
        if not self.total_calls:
            self.frame = []
            self.batch_start_frame()
        self.total_calls += 1
        self.create_frame(module, input, output)
        if traced:
            self.trace_frames()
        if self.detected_overflow and not traced:
            self.dump_saved_frames()
            raise NumericsError(
                f"inf or NaN in {self.module_names[module] or type(module).__name__} during batch {self.batch_number}; what led"
                " there was printed above: the smallest and largest absolute values of each module"
            )
        if module is not self.model:
            return
        if self.trace_batch_nums:  # otherwise what came before an overflow may be of the batch before
            self.reset_saved_frames()
        last = self.abort_after_batch_num
        self.batch_number, self.total_calls = self.batch_number + 1, 0
        if last is not None and self.batch_number > last:
            raise NumericsError(f"the run ends after {self.batch_number} batches, as abort_after_batch_num={last} says")

    # The parts of a frame; a subclass may replace any.

    def batch_start_frame(self) -> None:
        """Begin a frame with the number of a batch."""
        self.expand_frame(f"\n\n{self.prefix} *** Starting batch number={self.batch_number} ***")
        self.expand_frame("abs min  abs max  metadata")

    def batch_end_frame(self) -> None:
        """Begin a frame with the number of the batch that has ended."""
        self.expand_frame(f"{self.prefix} *** Finished batch number={self.batch_number - 1} ***\n\n")

    def create_frame(self, module: nn.Module, input: Any, output: Any) -> None:
        """Add the lines of a module, its weights, inputs and outputs, and keep the frame."""
        self.expand_frame(f"{self.prefix} {self.module_names[module]} {type(module).__name__}")
        for name, value in module.named_parameters(recurse=False):
            self.analyse_variable(value, name)
        for name, value in [*_named_parts(input, "input"), *_named_parts(output, "output")]:
            self.analyse_variable(value, name)
        self.save_frame()

    def analyse_variable(self, var: Any, ctx: str) -> None:
        """Add the line of a tensor, or that it is none, and note inf and NaN."""
        if not isinstance(var, Tensor):
            self.expand_frame(f"{'None' if var is None else 'not a tensor':>17} {ctx}")
            return
        self.expand_frame(get_abs_min_max(var, ctx))
        if detect_overflow(var, ctx):
            self.detected_overflow = True

    def expand_frame(self, line: str) -> None:
        """Add a line to the frame."""
        self.frame.append(line)

    def save_frame(self, frame: str | None = None) -> None:
        """End the frame, with a last part, and keep it."""
        if frame is not None:
            self.expand_frame(frame)
        self.frames.append("\n".join(self.frame))
        self.frame = []

    def trace_frames(self) -> None:
        """Print the frames that are kept, and keep them no longer."""
        _say("\n".join(self.frames))
        self.reset_saved_frames()

    def dump_saved_frames(self) -> None:
        """The same, with what happened before them."""
        _say(f"\nDetected inf/nan during batch_number={self.batch_number}")
        _say(f"Last {len(self.frames)} forward frames:\nabs min  abs max  metadata")
        self.trace_frames()

    def reset_saved_frames(self) -> None:
        """Keep no frame."""
        self.frames.clear()


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 (this is what it is for)


def _named_parts(value: Any, name: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict):
        return [(f"{name}[{key}]", part) for key, part in value.items()]
    if isinstance(value, tuple):
        return [(f"{name}[{place}]", part) for place, part in enumerate(value)]
    return [(name, value)]


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
    kinds = [word for word, has in (("nans", torch.isnan), ("infs", torch.isinf)) if bool(has(var).any())]
    for word in kinds:
        _say(f"{ctx} has {word}")
    return bool(kinds)
