"""`AcceleratorConfig`: how batches are shared out and gradients exchanged, under the names of accelerate."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

from ..core.errors import ArgumentError, did_you_mean
from ..core.files import read_json
from ..core.logging import warn_once

_ACCUMULATION = ("num_steps", "adjust_scheduler", "sync_with_dataloader", "sync_each_batch")


@dataclass
class AcceleratorConfig:
    """Choices of a training on several processes.

    Fields:
        split_batches: batch sizes are those of all processes together, which must divide them.
        dispatch_batches, even_batches, use_seedable_sampler, non_blocking: as of accelerate; no choice here, which a warning
            says: each process loads its own batches, no row is taken twice, orders hang on the seed, copies do not wait.
        gradient_accumulation_kwargs: num_steps (`gradient_accumulation_steps`); sync_each_batch: exchange gradients after each
            batch, not after the last of an update, so that no process holds all of them.
        use_configured_state: accelerate's state was made before; it always counts where it was.
    """

    split_batches: bool = False
    dispatch_batches: bool | None = None
    even_batches: bool = True
    use_seedable_sampler: bool = True
    non_blocking: bool = False
    gradient_accumulation_kwargs: dict[str, Any] | None = None
    use_configured_state: bool = False

    @classmethod
    def of(cls, given: Any) -> Self:
        """That of a dict, of the path of a JSON file, or of one that is one already.

        Raises:
            ArgumentError: it is something else, or has an unknown key.
        """
        if isinstance(given, cls):
            return given
        if isinstance(given, type):
            raise ArgumentError("accelerator_config is a class; pass an object of it, AcceleratorConfig(...)")
        if isinstance(given, str | Path):
            return cls.from_json_file(given)
        if given is not None and not isinstance(given, Mapping):
            raise ArgumentError(f"accelerator_config is a {type(given).__name__}; expected a dict or the path of a JSON file")
        known = [each.name for each in fields(cls)]
        for name in given or {}:
            if name not in known:
                raise ArgumentError(
                    f"accelerator_config has {name!r:.60}; expected {', '.join(known)}.{did_you_mean(name, known)}"
                )
        return cls(**(given or {}))

    @classmethod
    def from_json_file(cls, json_file: str | Path) -> Self:
        """That of a JSON file.

        Raises:
            ArgumentError: there is none, or it has an unknown key.
        """
        if not Path(json_file).is_file():
            raise ArgumentError(f"accelerator_config is {str(json_file)!r:.200}; there is no such file")
        return cls.of(read_json(json_file))

    def to_dict(self) -> dict[str, Any]:
        """All fields."""
        return asdict(self)

    @property
    def syncs_each_batch(self) -> bool:
        """Whether gradients are exchanged after each batch."""
        return bool((self.gradient_accumulation_kwargs or {}).get("sync_each_batch"))

    def check(self, args: Any) -> None:
        """Set what it says of accumulation, and tell what has no effect.

        Raises:
            ArgumentError: a value contradicts the arguments.
        """
        if self.split_batches:
            for name in ("per_device_train_batch_size", "per_device_eval_batch_size"):
                if getattr(args, name) % args.world_size:
                    raise ArgumentError(
                        f"split_batches: {name} is {getattr(args, name)}, which {args.world_size} do not divide"
                    )
        accumulation = self.gradient_accumulation_kwargs or {}
        for name in accumulation:
            if name not in _ACCUMULATION:
                raise ArgumentError(
                    f"gradient_accumulation_kwargs has {name!r:.60}; expected {', '.join(_ACCUMULATION)}."
                    + did_you_mean(name, _ACCUMULATION)
                )
        if accumulation.get("sync_with_dataloader"):
            raise ArgumentError("sync_with_dataloader=True: updates end with an epoch here anyway; leave it out")
        steps = accumulation.get("num_steps", args.gradient_accumulation_steps)
        if args.gradient_accumulation_steps not in (1, steps):
            raise ArgumentError(
                f"gradient_accumulation_steps is {args.gradient_accumulation_steps}, and num_steps of accelerator_config is"
                f" {steps}; say one of them"
            )
        args.gradient_accumulation_steps = steps
        told = {
            "dispatch_batches": (True, "each process loads its own batches"),
            "even_batches": (False, "no row is ever taken twice; processes share the last batch out"),
            "use_seedable_sampler": (False, "the order of rows is always a function of seed and epoch"),
        }
        for name, (value, why) in told.items():
            if getattr(self, name) is value:
                warn_once("no-choice", f"{name}={value} has no effect: {why}", name)
        if accumulation.get("adjust_scheduler") is False:
            warn_once("no-choice", "adjust_scheduler=False has no effect: a schedule counts updates", "adjust_scheduler")
