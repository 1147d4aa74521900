"""`Sharing`: methods of `Trainer` for processes that train together."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from ...core.errors import ArgumentError
from ...core.optional import require
from ..launcher import asks_for_deepspeed, saying_nothing_new
from ..processes import leave_group
from .plan import Plan
from .shards import write_shards
from .weights import follow, gathered, is_sharded, shard, whole_in_first


@dataclass
class Collected:
    """What the processes hold of a checkpoint. weights, optimizer: whole. shards: a folder that each wrote its part into."""

    weights: dict[str, Any] | None = None
    optimizer: dict[str, Any] | None = None
    shards: Path | None = None


class Sharing:
    """How the model's weights and gradients are shared."""

    # Engines that this trainer does without: DeepSpeed, and torch_xla's sharding.
    deepspeed: Any = None
    is_deepspeed_enabled = is_fsdp_xla_enabled = is_fsdp_xla_v1_enabled = is_fsdp_xla_v2_enabled = False
    is_distributed_loading_by_transformers = False

    def _check_engine(self: Any) -> None:
        """Refuse what another engine would have to do.

        Raises:
            ArgumentError: DeepSpeed is asked for, or batches that fit are to be found while weights are shared out.
        """
        if self.args.sharding is not None and self.args.auto_find_batch_size and self.args.world_size > 1:
            raise ArgumentError(
                "auto_find_batch_size is True, and weights are shared out: a process whose memory ends within a layer"
                " would leave the others waiting for its part. Lower per_device_train_batch_size and raise"
                " gradient_accumulation_steps"
            )
        if self.args.hf_deepspeed_config is not None or asks_for_deepspeed():
            raise ArgumentError(
                "DeepSpeed is asked for, and Trainer cannot run it yet; fsdp=True shares weights, gradients and optimizer state"
                " out as its stage 3 does (fsdp='shard_grad_op' as stage 2)"
            )

    @cached_property
    def is_fsdp_enabled(self: Any) -> bool:
        """Whether weights are shared out among processes; older subclasses set it."""
        return self.args.sharding is not None

    def create_accelerator_and_postprocess(self) -> None:
        """Called when a trainer is made, before its model is looked at. A subclass may set `accelerator` to one of its own.

        Nothing is made here: `accelerator` is, when it is first asked for.
        """

    @cached_property
    def accelerator(self: Any) -> Any:
        """An `accelerate.Accelerator`, for loaders and models of a subclass; the loop itself does without.

        Where weights are shared out, `accelerator.state.fsdp_plugin` says how, and `set_state_dict_type` of it chooses what
        later checkpoints hold.
        """
        accelerate: Any = require("accelerate", "Trainer.accelerator")
        # Loaders that it prepares shuffle by seed and epoch, as published.
        loaders = accelerate.DataLoaderConfiguration(use_seedable_sampler=True, data_seed=self.args.data_seed)
        plan = self.args.sharding
        with saying_nothing_new():
            plugin = None if plan is None else accelerate.FullyShardedDataParallelPlugin(**plan.of_accelerate())
            accelerator = accelerate.Accelerator(**self._build_accelerator_args(dataloader_config=loaders, fsdp_plugin=plugin))
        if plugin is not None:  # which accelerate leaves out on CPUs
            accelerator.state.fsdp_plugin = plugin
        return accelerator

    def _build_accelerator_args(self: Any, **kwargs: Any) -> dict[str, Any]:
        """What `accelerator` is made with: `kwargs`, and the device that `args` say. A subclass may add to it."""
        return {**kwargs, "cpu": self.args.use_cpu}

    @cached_property
    def gather_function(self: Any) -> Callable[[Any], Any]:
        """Gathers the rows of tensors from all processes, without those that only fill a last batch up."""
        return partial(self.accelerator.gather_for_metrics, use_gather_object=False)

    def end(self: Any) -> None:
        """Finish uploads and the trackers of `accelerator`, and leave the group of processes; no more can be done together."""
        self._finish_current_push()
        if "accelerator" in vars(self):
            self.accelerator.end_training()
        leave_group()

    def _wrap_model(self: Any, model: nn.Module, training: bool = True, dataloader: Any = None) -> Any:
        """What forward is called on: the model, compiled and shared between processes as `args` say."""
        args, wrapped = self.args, model
        if args.sharding is not None:
            wrapped = self._share_out(model, args.sharding)
        elif args.world_size > 1 and training and args.auto_find_batch_size:  # gradients are exchanged once none failed
            args.processes.send_from_first((*model.parameters(), *model.buffers()))
        elif args.world_size > 1 and training:
            looks = args.ddp_find_unused_parameters
            options = {
                "find_unused_parameters": looks if looks is not None else not args.gradient_checkpointing,
                "bucket_cap_mb": args.ddp_bucket_cap_mb,
                "broadcast_buffers": args.ddp_broadcast_buffers,
                "static_graph": args.ddp_static_graph,
            }
            chosen: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
            wrapped = DistributedDataParallel(model, **chosen)
        if args.torch_compile:
            backend = args.torch_compile_backend or "inductor"
            wrapped = torch.compile(wrapped, backend=backend, mode=args.torch_compile_mode)  # type: ignore[assignment]
        return wrapped

    def _share_out(self: Any, model: nn.Module, plan: Plan) -> nn.Module:
        """The model, its weights shared out; an optimizer that was there before goes on with them."""
        if is_sharded(model):
            return model
        args = self.args
        if plan.recomputes and not args.gradient_checkpointing:
            self.model.gradient_checkpointing_enable(args.gradient_checkpointing_kwargs)
        names = {id(each): name for name, each in model.named_parameters()}
        shard(model, plan, args.processes)
        if self.optimizer is not None:
            follow(self.optimizer, names, model)
        return model

    def gradients_kept(self: Any, model: Any) -> AbstractContextManager[Any]:
        """A context in which gradients of batches add up in each process, and are not exchanged yet."""
        if self.args.accelerator_config.syncs_each_batch:
            return nullcontext()
        if isinstance(model, DistributedDataParallel):
            return model.no_sync()
        return _kept_whole(model) if is_sharded(model) else nullcontext()

    def gathered(self: Any) -> AbstractContextManager[None]:
        """A context in which every process holds all weights."""
        return gathered(self.model, self.args.sharding)

    def whole_weights(self: Any) -> dict[str, Any] | None:
        """Weights by name where they are shared out, in processes that save; None in others. Every process has to call it."""
        if not is_sharded(self.model):
            return None
        return whole_in_first(self.model.state_dict(), self.args.should_save)

    def collected(self: Any, shards: Path) -> Collected | None:
        """What is shared out, for a checkpoint; None where nothing is. Every process has to call it.

        Args:
            shards: a folder for the parts, if the checkpoint is to hold parts.

        Raises:
            SaveError: parts could not be written; in every process.
        """
        if not is_sharded(self.model):
            return None
        optimizer = None if self.args.save_only_model else self.optimizer
        if self._saves_shards():
            if self.is_world_process_zero():
                shutil.rmtree(shards, ignore_errors=True)
            self.args.processes.wait()
            write_shards(shards, self.model, optimizer)
            return Collected(shards=shards)
        moments = None if optimizer is None else whole_in_first(optimizer.state_dict(), self.args.should_save)
        return Collected(self.whole_weights(), moments)

    def _saves_shards(self: Any) -> bool:
        if "accelerator" not in vars(self):
            return bool(self.args.sharding.saves_shards)
        return "SHARDED" in str(self.accelerator.state.fsdp_plugin.state_dict_type)

    def _save_collected(self: Any, folder: Path, parts: Collected) -> None:
        """Put what was collected into the folder of a checkpoint."""
        if parts.shards is None:
            self._save(str(folder), state_dict=parts.weights)
            return
        for each in parts.shards.iterdir():
            each.rename(folder / each.name)
        parts.shards.rmdir()
        if hasattr(self.model, "config"):
            self.model.config.save_pretrained(folder)
        self._save_beside(folder)


@contextmanager
def _kept_whole(model: Any) -> Iterator[None]:
    model.set_requires_gradient_sync(False)
    try:
        yield
    finally:
        model.set_requires_gradient_sync(True)
