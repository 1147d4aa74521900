"""Configurations of DeepSpeed: "auto" values are filled in from a training's arguments, the others compared with them."""

import base64
import json
import os
from collections.abc import Callable, Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any
from weakref import ReferenceType, ref

import torch

from ..core.errors import ArgumentError
from ..core.files import read_json

_AUTO = "auto"


class HfDeepSpeedConfig:
    """A configuration of DeepSpeed. While one of stage 3 is kept, `is_deepspeed_zero3_enabled` says so.

    Args:
        config_file_or_dict: a dict, the path of a JSON file, or JSON in base64.

    Raises:
        ArgumentError: it is none of these.
    """

    def __init__(self, config_file_or_dict: Any) -> None:
        self.config = _table(config_file_or_dict)
        set_hf_deepspeed_config(self)

    def find_config_node(self, ds_key_long: str) -> tuple[dict[str, Any] | None, str]:
        """The table that holds a key with dots between its parts, None where there is none; and the last part."""
        *outer, last = ds_key_long.split(".")
        table: Any = self.config
        for name in outer:
            table = table.get(name)
            if not isinstance(table, dict):
                return None, last
        return table, last

    def get_value(self, ds_key_long: str, default: Any = None) -> Any:
        """The value of a key with dots between its parts."""
        table, name = self.find_config_node(ds_key_long)
        return default if table is None else table.get(name, default)

    def del_config_sub_tree(self, ds_key_long: str, must_exist: bool = False) -> None:
        """Take a key, and what is below it, out.

        Raises:
            ArgumentError: it is not there, and has to be.
        """
        table, name = self.find_config_node(ds_key_long)
        if table is not None and name in table:
            del table[name]
        elif must_exist:
            raise ArgumentError(f"the configuration of DeepSpeed has no {ds_key_long}")

    def is_true(self, ds_key_long: str) -> bool:
        """Whether a value is there and true."""
        return bool(self.get_value(ds_key_long))

    def is_false(self, ds_key_long: str) -> bool:
        """Whether a value is there and false."""
        value = self.get_value(ds_key_long)
        return value is not None and not value

    def is_zero2(self) -> bool:
        """Whether gradients and optimizer state are shared out."""
        return self._stage == 2

    def is_zero3(self) -> bool:
        """Whether weights are shared out too."""
        return self._stage == 3

    def is_offload(self) -> bool:
        """Whether weights or optimizer state wait on the host or on disk."""
        kinds = [self.get_value(f"zero_optimization.offload_{part}.device") for part in ("optimizer", "param")]
        return self._stage in (2, 3) and any(kind in ("cpu", "nvme") for kind in kinds)

    @property
    def _stage(self) -> int:
        return int(self.get_value("zero_optimization.stage", 0))


class HfTrainerDeepSpeedConfig(HfDeepSpeedConfig):
    """A configuration that takes its "auto" values from the arguments of a training, and must not contradict them."""

    def __init__(self, config_file_or_dict: Any) -> None:
        super().__init__(config_file_or_dict)
        self.mismatches: list[str] = []

    def is_auto(self, ds_key_long: str) -> bool:
        """Whether a value is left to the arguments."""
        return bool(self.get_value(ds_key_long) == _AUTO)

    def dtype(self) -> torch.dtype:
        """The type DeepSpeed computes in."""
        halves = {"bf16": torch.bfloat16, "fp16": torch.float16}
        on = (dtype for name, dtype in halves.items() if self.get_value(f"{name}.enabled") is True)
        return next(on, torch.float32)

    def fill_match(self, ds_key_long: str, hf_val: Any, hf_key: str | None = None, must_match: bool = True) -> None:
        """Fill in a value that is "auto"; note another one that is not the argument's."""
        table, name = self.find_config_node(ds_key_long)
        if table is None or name not in table:
            return
        if table[name] == _AUTO:
            table[name] = hf_val
        elif must_match and table[name] != hf_val:
            self.mismatches.append(f"{ds_key_long} is {table[name]!r}, {hf_key} is {hf_val!r}")

    def fill_only(self, ds_key_long: str, hf_val: Any) -> None:
        """Fill in a value that is "auto"."""
        self.fill_match(ds_key_long, hf_val, must_match=False)

    def trainer_config_process(self, args: Any, auto_find_batch_size: bool = False) -> None:
        """Fill in what arguments alone decide.

        Args:
            auto_find_batch_size: batch sizes are the arguments' whatever the configuration says.
        """
        of_update = args.world_size * args.per_device_train_batch_size * args.gradient_accumulation_steps
        same = not auto_find_batch_size
        self.fill_match("train_micro_batch_size_per_gpu", args.per_device_train_batch_size, "per_device_train_batch_size", same)
        self.fill_match("gradient_accumulation_steps", args.gradient_accumulation_steps, "gradient_accumulation_steps")
        self.fill_match("train_batch_size", of_update, "the batch of all processes", same)
        self.fill_match("gradient_clipping", args.max_grad_norm, "max_grad_norm")
        params = "optimizer.params"
        self.fill_match(f"{params}.lr", args.learning_rate, "learning_rate")
        self.fill_match(f"{params}.betas", [args.adam_beta1, args.adam_beta2], "adam_beta1 and adam_beta2")
        self.fill_match(f"{params}.eps", args.adam_epsilon, "adam_epsilon")
        self.fill_match(f"{params}.weight_decay", args.weight_decay, "weight_decay")
        self.fill_only("scheduler.params.warmup_min_lr", 0)
        self.fill_match("scheduler.params.warmup_max_lr", args.learning_rate, "learning_rate")
        if args.save_on_each_node:
            self.config["checkpoint"] = {**self.config.get("checkpoint", {}), "use_node_local_storage": True}
        self.fill_match("fp16.enabled", args.fp16 or args.fp16_full_eval, "fp16 or fp16_full_eval")
        self.fill_match("bf16.enabled", args.bf16 or args.bf16_full_eval, "bf16 or bf16_full_eval")

    def trainer_config_finalize(self, args: Any, model: Any, num_training_steps: int) -> None:
        """Fill in what the model and the number of updates decide, and compare all.

        Raises:
            ArgumentError: a value is not the argument's, or the model does not say its width.
        """
        zero = "zero_optimization"
        of_width: dict[str, Callable[[int], int]] = {
            f"{zero}.reduce_bucket_size": lambda width: width * width,
            f"{zero}.stage3_prefetch_bucket_size": lambda width: int(0.9 * width * width),
            f"{zero}.stage3_param_persistence_threshold": lambda width: 10 * width,
        }
        asked = [key for key in of_width if self.is_auto(key)]
        if asked:
            width = _width(model, asked)
            for key in asked if self.is_zero3() else asked[:1]:
                self.fill_only(key, of_width[key](width))
        self.fill_match("scheduler.params.total_num_steps", num_training_steps, "the number of updates")
        self.fill_match("scheduler.params.warmup_num_steps", args.get_warmup_steps(num_training_steps), "warmup_steps")
        if self.mismatches:
            raise ArgumentError(
                "the configuration of DeepSpeed and the arguments contradict each other: "
                + "; ".join(self.mismatches)
                + '. Set these values of the configuration to "auto"'
            )


def _width(model: Any, asked: list[str]) -> int:
    config: Any = model.config
    both: tuple[Any, ...] = (config, getattr(config, "text_config", None))
    for each in both:
        if getattr(each, "hidden_size", None) is not None:
            return int(each.hidden_size)
        if getattr(each, "hidden_sizes", None):
            return int(max(each.hidden_sizes))
    raise ArgumentError(f'{", ".join(asked)}: "auto" is made of the model\'s hidden_size, which its config lacks; say numbers')


def _table(given: Any) -> dict[str, Any]:
    if isinstance(given, Mapping):
        return deepcopy(dict(given))
    if isinstance(given, str | Path):
        if os.path.isfile(given):  # unlike Path's, it takes what is too long for a name
            value = read_json(given)
        else:
            try:
                value = json.loads(base64.urlsafe_b64decode(str(given)).decode())
            except ValueError:
                raise ArgumentError(
                    f"deepspeed is {str(given)!r:.200}; there is no such file, and it is no JSON in base64"
                ) from None
        if isinstance(value, dict):
            return value
        raise ArgumentError(f"deepspeed names a {type(value).__name__}; expected a table of keys and values")
    raise ArgumentError(f"deepspeed is a {type(given).__name__}; expected a dict or the path of a JSON file")


_kept: ReferenceType[HfDeepSpeedConfig] | None = None


def set_hf_deepspeed_config(hf_deepspeed_config_obj: HfDeepSpeedConfig) -> None:
    """Let this configuration count, as long as somebody keeps it."""
    global _kept
    _kept = ref(hf_deepspeed_config_obj)


def unset_hf_deepspeed_config() -> None:
    """Let no configuration count."""
    global _kept
    _kept = None


def deepspeed_config() -> dict[str, Any] | None:
    """The configuration that counts, None where there is none."""
    counts = None if _kept is None else _kept()
    return None if counts is None else counts.config


def is_deepspeed_zero3_enabled() -> bool:
    """Whether a configuration that counts shares weights out."""
    counts = None if _kept is None else _kept()
    return counts is not None and counts.is_zero3()
