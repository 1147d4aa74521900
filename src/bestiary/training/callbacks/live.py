"""`LiveProgressCallback`: a view of a running training that stays at the bottom of a terminal."""

import math
import time
from collections import deque
from pathlib import Path
from typing import Any

from ...core.memory import memory_now
from ..checkpoints import PREFIX_CHECKPOINT_DIR
from ..lengths import NO_END
from .base import SeesTrainer, TrainerControl, TrainerState
from .live_screen import Numbers, screen
from .live_terminal import LiveTerminal
from .progress import ProgressCallback, short

# Losses that are kept for the curve; when there are more, each two become their mean.
_LOSSES = 512
# How far back the speed looks, in seconds of training.
_RECENT = 30.0


class LiveProgressCallback(ProgressCallback, SeesTrainer):
    """Bars, newest values, speed, memory, evaluations, a curve of the loss and warnings, while output scrolls by above.

    It stands in the place of `ProgressCallback`, from which it derives, so that `pop_callback(ProgressCallback)` takes it out.
    Outside of a training, without a terminal, and beside another `ProgressCallback` it is one: bars by tqdm.
    """

    def __init__(self, max_str_len: int = 100) -> None:
        super().__init__(max_str_len)
        self.numbers = Numbers()
        self._terminal: LiveTerminal | None = None
        self._recent: deque[tuple[float, int, float]] = deque()
        # What was logged since the last drawing: sorted then, at once, which takes less time than after each step.
        self._fresh: list[tuple[dict[str, Any], int]] = []

    def on_train_begin(self, args: Any, state: TrainerState, control: TrainerControl, model: Any = None, **kwargs: Any) -> None:
        """Take the bottom of the terminal, if there is one and nothing else shows progress."""
        if not state.is_world_process_zero:
            return
        others = () if self.trainer is None else self.trainer.callback_handler.callbacks
        alone = not any(isinstance(each, ProgressCallback) and each is not self for each in others)
        terminal = LiveTerminal(self._draw, lambda logs: str(short(logs, self.max_str_len)))
        self._args, self._state = args, state
        self._begun, self._first = time.perf_counter(), state.global_step
        self.numbers = Numbers(title=args.run_name or type(model).__name__)
        self._recent.clear()
        self._fresh.clear()
        for entry in state.log_history:  # of a training that goes on
            self._take(entry, entry.get("step", 0))
        if alone and terminal.open():
            self._terminal = terminal
        else:
            super().on_train_begin(args, state, control)

    def on_step_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Draw, if it is time to."""
        if self._terminal is not None:
            self._terminal.tick()
        else:
            super().on_step_end(args, state, control)

    def on_substep_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """The same."""
        if self._terminal is not None:
            self._terminal.tick()

    def on_prediction_step(
        self, args: Any, state: TrainerState, control: TrainerControl, eval_dataloader: Any = None, **kwargs: Any
    ) -> None:
        """Count the batches of an evaluation within the training."""
        if self._terminal is None:
            super().on_prediction_step(args, state, control, eval_dataloader)
            return
        numbers = self.numbers
        if not numbers.doing:
            numbers.doing, numbers.done = "evaluating", 0
            try:
                numbers.of = len(eval_dataloader)
            except TypeError:
                numbers.of = None
        numbers.done += 1
        self._terminal.tick()

    def on_evaluate(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Its bar goes."""
        self.numbers.doing = ""
        super().on_evaluate(args, state, control)

    def on_log(
        self, args: Any, state: TrainerState, control: TrainerControl, logs: dict[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """Print the values above, as `ProgressCallback` does, and keep them."""
        if self._terminal is None:
            super().on_log(args, state, control, logs)
            return
        kept = dict(logs or {})
        self._terminal.print(kept)
        last = state.log_history[-1] if state.log_history else {}  # of an update that is left out, before its step counts
        self._fresh.append((kept, last.get("step", state.global_step)))

    def on_save(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Where the checkpoint lies."""
        folder = args.output_dir if self.trainer is None else self.trainer._get_output_dir(trial=None)
        self.numbers.checkpoint = str(Path(folder) / f"{PREFIX_CHECKPOINT_DIR}-{state.global_step}")

    def on_train_end(self, args: Any, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        """Draw the last time; it stays."""
        self._close("finished")
        super().on_train_end(args, state, control)

    def on_train_failed(
        self, args: Any, state: TrainerState, control: TrainerControl, error: BaseException | None = None, **kwargs: Any
    ) -> None:
        """The same, and the terminal is as it was, whatever ended the training."""
        self._close("failed" if isinstance(error, Exception) else "stopped")
        super().on_train_failed(args, state, control, error)

    def _close(self, status: str) -> None:
        if self._terminal is not None:
            self.numbers.status, self.numbers.doing = status, ""
            terminal, self._terminal = self._terminal, None
            terminal.close()

    def _take(self, logs: dict[str, Any], step: int) -> None:
        """Sort what was logged: values of the training, or metrics of an evaluation."""
        numbers = {name: float(value) for name, value in logs.items() if isinstance(value, int | float)}
        evaluated = {name.removeprefix("eval_"): value for name, value in numbers.items() if name.startswith("eval_")}
        if logs.get("skipped"):
            self._warn_left_out(step)
        elif evaluated:
            metrics = {name: value for name, value in evaluated.items() if not name.endswith(("runtime", "_per_second"))}
            self.numbers.evaluations.append((step, metrics))
        elif "train_runtime" not in numbers:
            aside = ("epoch", "step", "num_input_tokens_seen", "total_flos")
            self.numbers.logged = {name: value for name, value in numbers.items() if name not in aside}
            if "loss" in numbers:
                self._keep(numbers["loss"])

    def _keep(self, loss: float) -> None:
        losses = self.numbers.losses
        losses.append(loss)
        if len(losses) >= _LOSSES:
            self.numbers.losses = [(one + other) / 2 for one, other in zip(losses[::2], losses[1::2], strict=False)]

    def _warn_left_out(self, step: int) -> None:
        """One line counts them all."""
        begin = "updates left out"
        former = next((each for each in self.numbers.warnings if each.startswith(begin)), f"{begin}: 0,")
        count = int(former.removeprefix(f"{begin}: ").partition(",")[0]) + 1
        others = [each for each in self.numbers.warnings if each != former]
        self.numbers.warnings = [*others, f"{begin}: {count}, for their gradient was not finite; the last at step {step}"]

    def _draw(self, width: int, height: int, ascii_only: bool) -> Any:
        """The screen of now."""
        numbers, state = self.numbers, self._state
        for logs, step in self._fresh:
            self._take(logs, step)
        self._fresh.clear()
        numbers.step, numbers.epoch = state.global_step, state.epoch or 0.0
        numbers.steps = state.max_steps if state.max_steps < NO_END else None
        numbers.epochs = state.num_train_epochs if state.num_train_epochs < NO_END else None
        numbers.elapsed = time.perf_counter() - self._begun
        steps_done = numbers.step - self._first
        numbers.left = (
            (numbers.steps - numbers.step) * numbers.elapsed / steps_done if steps_done and numbers.steps else math.nan
        )
        numbers.memory = memory_now(self._args.device)
        if self.trainer is not None:
            self._measure()
        return screen(numbers, width, height, ascii_only)

    def _measure(self) -> None:
        """The speed of the last half minute, and whether batches had to be cut."""
        numbers, trainer, recent = self.numbers, self.trainer, self._recent
        recent.append((trainer.pace.now(), numbers.step, trainer.pace.tokens * self._args.world_size))
        while len(recent) > 2 and recent[-1][0] - recent[1][0] > _RECENT:
            recent.popleft()
        (since, step, tokens), (now, last, until) = recent[0], recent[-1]
        if now > since and last > step:
            numbers.rows = (last - step) * trainer.progress.rows_of_update / (now - since)
            numbers.tokens = (until - tokens) / (now - since)
        cut = f"out of memory: each batch is cut into {trainer.progress.parts}"
        others = [each for each in numbers.warnings if not each.startswith("out of memory")]
        numbers.warnings = [*others, *([cut] if trainer.progress.parts > 1 else [])]
