"""The step of a batch: its forward, its loss as a part of the update's, and the backward."""

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import ArgumentError
from .losses import WatchedCount, router_loss, shifts_labels
from .nested import nested_detach


class TrainingStep:
    """The part of `Trainer` that computes losses and gradients of batches."""

    def training_step(
        self: Any, model: nn.Module, inputs: dict[str, Any], num_items_in_batch: Tensor | float | None = None
    ) -> Tensor:
        """Forward and backward of a batch.

        Args:
            num_items_in_batch: labels of all batches of the update, which its loss is divided by.

        Returns:
            The batch's part of the update's loss.
        """
        self.to_train(model)
        inputs = self._prepare_inputs(inputs)
        with self.compute_loss_context_manager():
            loss: Tensor = self._share_of_loss(model, inputs, num_items_in_batch)
        scale = self.args.world_size if self.args.average_tokens_across_devices else 1
        total = loss * scale if scale > 1 else loss
        self.backward(total)
        return loss.detach()

    def _share_of_loss(self: Any, model: nn.Module, inputs: dict[str, Any], items: Tensor | float | None) -> Tensor:
        """The loss of a batch as a part of the update's: it was divided by all labels, or is a mean, which is weighed here."""
        count = None if items is None or self._divides is not None else WatchedCount.of(items)
        options: dict[str, Any] = {"num_items_in_batch": items if count is None else count} if self._takes_items else {}
        loss: Any = self.compute_loss(model, inputs, **options)
        if not isinstance(loss, Tensor):
            raise ArgumentError(f"compute_loss returned a {type(loss).__name__}; expected the loss as a tensor")
        loss = loss.mean() if loss.dim() else loss
        if items is not None and (count.used if count is not None else self._divides):
            weight = float(self.share > 0)
        else:
            weight = self.share
        # A mean over no label is no number; it is no part of the update's loss.
        share: Tensor = loss if weight == 1 else loss * weight if weight else loss.nan_to_num() * 0
        return share

    def loss_of_all(self: Any, loss: Tensor) -> float:
        """The loss in all processes, of this one's: a part of it, or, where each divides by its own labels, one of several."""
        total = float(self.args.processes.summed(loss.detach().float().clone()))
        return total if self.args.average_tokens_across_devices else total / self.args.world_size

    def compute_loss(
        self: Any,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Tensor | float | None = None,
    ) -> Any:
        """The loss of a batch: of `compute_loss_func`, of the label smoother, or the first thing the model returns.

        Args:
            return_outputs: return (loss, outputs). num_items_in_batch: labels of the whole update; a loss that is divided by
                it is a part of the update's, any other is taken for a mean over the batch.

        Raises:
            ArgumentError: the model returned no loss.
        """
        labels = None
        if self.label_smoother is not None or self.compute_loss_func is not None:
            labels = inputs.get("labels")
            makes_its_inputs = getattr(getattr(self.model, "config", None), "is_encoder_decoder", False)
            if labels is not None and not (makes_its_inputs and inputs.get("decoder_input_ids") is None):
                inputs = {name: value for name, value in inputs.items() if name != "labels"}
        if self.model_accepts_loss_kwargs and num_items_in_batch is not None and labels is None:
            inputs = {**inputs, "num_items_in_batch": num_items_in_batch}
        outputs = model(**inputs)
        if self.args.past_index >= 0:
            self.past = nested_detach(outputs[self.args.past_index])
        if self.compute_loss_func is not None:
            loss = self.compute_loss_func(outputs, labels, num_items_in_batch=num_items_in_batch)
        elif self.label_smoother is not None and labels is not None:
            loss = self.label_smoother(outputs, labels, shift_labels=shifts_labels(self.model))
        else:
            loss = _loss_in(outputs, inputs)
            if self.share != 1 and getattr(num_items_in_batch, "used", self._divides):
                # Labels were divided by those of the update; what is a mean over this batch alone is weighed by its share.
                loss = loss - (1 - self.share) * router_loss(self.model, outputs)
        return (loss, outputs) if return_outputs else loss

    @contextmanager
    def compute_loss_context_manager(self: Any) -> Iterator[None]:
        """The context of each forward: mixed precision, if `args` say so, and no cache unless they do."""
        config: Any = getattr(self.model, "config", None)
        wanted = getattr(config, "use_cache", None)
        with self.autocast_smart_context_manager():
            if wanted is None:
                yield
                return
            config.use_cache = self.args.use_cache
            try:
                yield
            finally:
                config.use_cache = wanted

    def autocast_smart_context_manager(self: Any, cache_enabled: bool | None = True) -> AbstractContextManager[Any]:
        """`torch.autocast` in the 16-bit type of `args`, or nothing."""
        if not (self.args.bf16 or self.args.fp16):
            return nullcontext()
        kind = torch.bfloat16 if self.args.bf16 else torch.float16
        return torch.autocast(self.args.device.type, kind, cache_enabled=cache_enabled)


def _loss_in(outputs: Any, inputs: Mapping[str, Any]) -> Any:
    """The loss among what a model returned.

    Raises:
        ArgumentError: there is none.
    """
    if isinstance(outputs, Mapping) or hasattr(outputs, "keys"):
        if outputs.get("loss") is None if isinstance(outputs, Mapping) else getattr(outputs, "loss", None) is None:
            raise ArgumentError(
                f"the model returned {', '.join(map(str, outputs.keys()))} and no loss; it got {', '.join(map(str, inputs))}."
                " Give it labels, or override compute_loss"
            )
        return outputs["loss"]
    return outputs[0]
