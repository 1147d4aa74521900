"""Evaluation and prediction: one loop over a data set, of whose predictions no more is kept than is asked for."""

import math
import time
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from ..core.errors import ArgumentError
from ..core.logging import get_logger, warn_once
from ..core.signatures import is_of_the_library
from .evaluation import EvalLoopOutput, EvalPrediction, PredictionOutput
from .loaders import has_length, position
from .losses import count_of_items, rows_in, shifts_labels
from .nested import gathered_rows, joined_rows, nested_detach, nested_numpify, nested_truncate
from .processes import Processes
from .run_metrics import as_number, check_metric, speed_metrics
from .samplers.streamed import Filler
from .smaller_batches import predicted

logger = get_logger(__name__)


class Predicting:
    """Methods of `Trainer` that run a model over data without training it."""

    model_preparation_time: float | None = None
    parts_in_evaluation = 1  # into so many each batch is cut, since memory ran out

    def evaluate(
        self: Any,
        eval_dataset: Any = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> dict[str, float]:
        """The metrics of a data set, which are logged too.

        Args:
            eval_dataset: instead of the trainer's own; a dict of several evaluates each, under its name.
            ignore_keys: parts of the model's output that are not kept. metric_key_prefix: the beginning of each name.

        Returns:
            `PREFIX_loss` where the model gives a loss, what `compute_metrics` gives, and how fast it was.

        Raises:
            ArgumentError: there is no data set, or one without rows.
        """
        dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        # A `DatasetDict` has lists of column names, by the names of its parts.
        if isinstance(dataset, Mapping) and not isinstance(getattr(dataset, "column_names", None), list):
            metrics: dict[str, float] = {}
            for name, each in dataset.items():
                chosen = each if eval_dataset is not None else name
                metrics |= self.evaluate(chosen, ignore_keys, f"{metric_key_prefix}_{name}")
            return metrics
        loader = self.get_eval_dataloader(eval_dataset)
        start = time.time()
        loss_only = None if self.compute_metrics is not None else True
        with self.pace.stopped(), self._memory_tracker.measured("eval"):
            output = self.evaluation_loop(loader, "Evaluation", loss_only, ignore_keys, metric_key_prefix)
        with_speed = {**(output.metrics or {}), **self._speed(metric_key_prefix, start, output.num_samples)}
        self.log(with_speed)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, with_speed)
        self._memory_tracker.update_metrics("eval", with_speed)
        return with_speed

    def predict(
        self: Any, test_dataset: Any, ignore_keys: list[str] | None = None, metric_key_prefix: str = "test"
    ) -> PredictionOutput:
        """Predictions, labels and metrics of a data set; rows of several widths are padded with -100 on the right."""
        loader = self.get_test_dataloader(test_dataset)
        start = time.time()
        with self.pace.stopped(), self._memory_tracker.measured("test"):
            output = self.evaluation_loop(loader, "Prediction", None, ignore_keys, metric_key_prefix)
        metrics = {**(output.metrics or {}), **self._speed(metric_key_prefix, start, output.num_samples)}
        self.control = self.callback_handler.on_predict(self.args, self.state, self.control, metrics)
        self._memory_tracker.update_metrics("test", metrics)
        return PredictionOutput(output.predictions, output.label_ids, metrics)

    def _speed(self: Any, prefix: str, start: float, rows: int | None) -> dict[str, float]:
        batch = self.args.eval_batch_size * self.args.world_size
        steps = None if rows is None else -(-rows // batch)
        metrics = speed_metrics(prefix, start, rows, steps)
        if self.model_preparation_time is not None:
            metrics[f"{prefix}_model_preparation_time"] = self.model_preparation_time
        return metrics

    def evaluation_loop(
        self: Any,
        dataloader: Any,
        description: str,
        prediction_loss_only: bool | None = None,
        ignore_keys: list[str] | None = None,
        metric_key_prefix: str = "eval",
    ) -> EvalLoopOutput:
        """Run over a loader; `evaluate` and `predict` are made of it.

        Args:
            description: what is logged about it. prediction_loss_only: keep nothing but losses; by default as `args` say.
        """
        args = self.args
        loss_only = args.prediction_loss_only if prediction_loss_only is None else prediction_loss_only
        start = time.time()
        model = self._model_for_evaluation()
        trained = self.is_in_train or self.state.global_step or self.model_wrapped is not self.model
        if not trained:  # this was the first it was got ready
            self.model_preparation_time = round(time.time() - start, 4)
        logger.info("***** %s: %s rows *****", description, len(dataloader.dataset) if has_length(dataloader.dataset) else "?")
        self.callback_handler.eval_dataloader = dataloader
        kept = _Kept(self, loss_only)
        was_training, past, self.past = model.training, self.past, None
        model.eval()
        try:
            for inputs, rows, last in _with_rows(dataloader, args.processes):
                kept.take(inputs, rows, predicted(self, model, inputs, loss_only, ignore_keys), last)
                self.control = self.callback_handler.on_prediction_step(args, self.state, self.control)
                self._end_if_asked()
        finally:
            model.train(was_training and self.is_in_train)
            self.past = past
        output = kept.output(metric_key_prefix)
        if not output.num_samples:
            raise ArgumentError(f"the data set of this {description.lower()} yields no row, so there is nothing to measure")
        return output

    prediction_loop = evaluation_loop

    def prediction_step(
        self: Any,
        model: nn.Module,
        inputs: dict[str, Any],
        prediction_loss_only: bool,
        ignore_keys: list[str] | None = None,
    ) -> tuple[Any, Any, Any]:
        """Loss, logits and labels of a batch, each None where it is not asked for or not there.

        Args:
            prediction_loss_only: only the loss. ignore_keys: parts of the output that are no logits.
        """
        names = self.label_names
        has_labels = bool(names) and all(inputs.get(name) is not None for name in names)
        returns_loss = inputs.get("return_loss")
        loss_without_labels = not names and (self.can_return_loss if returns_loss is None else returns_loss)
        inputs = self._prepare_inputs(inputs)
        if ignore_keys is None:
            ignore_keys = getattr(getattr(self.model, "config", None), "keys_to_ignore_at_inference", None) or [
                "past_key_values"
            ]
        labels = nested_detach(tuple(inputs.get(name) for name in names)) if has_labels or loss_without_labels else None
        if labels is not None:
            labels = labels[0] if len(labels) == 1 else labels or None
        has_loss = has_labels or loss_without_labels
        # What is divided by the labels of an update in training is divided by those of the batch here.
        items = {"num_items_in_batch": self._items_of(inputs)} if self._takes_items and has_loss else {}
        with torch.no_grad(), self.compute_loss_context_manager():
            if has_loss:
                loss, outputs = self.compute_loss(model, inputs, return_outputs=True, **items)
                loss = loss.detach().mean()
            else:
                loss, outputs = None, model(**inputs)
                if self.args.past_index >= 0:  # counted with a loss before it
                    self.past = nested_detach(outputs[self.args.past_index - 1])
        if prediction_loss_only:
            return loss, None, None
        if isinstance(outputs, Mapping) or hasattr(outputs, "keys"):
            logits = tuple(outputs[name] for name in outputs.keys() if name not in (*ignore_keys, "loss"))
        else:
            logits = tuple(outputs[1:] if loss is not None else outputs)
        logits = nested_detach(logits)
        return loss, logits[0] if len(logits) == 1 else logits, labels

    def _nested_gather(self: Any, tensors: Any, name: str | None = None) -> Any:
        """The rows of all processes; subclasses of other libraries call it by this name."""
        return gathered_rows(tensors, self.args.processes)

    def _items_of(self: Any, inputs: Any) -> Any:
        """The labels of a batch that count in this process, unless a subclass counts otherwise."""
        if not is_of_the_library(self._get_num_items_in_batch):
            return self._get_num_items_in_batch([inputs], self.args.device)
        return torch.tensor(count_of_items(inputs, shifts_labels(self.model)), device=self.args.device)


def _with_rows(dataloader: Any, processes: Processes) -> Any:
    """Each batch with the rows of it that count, and whether it is the last; as many in every process."""
    knows_length = has_length(dataloader)
    if knows_length:
        processes.check_same(len(dataloader), "the number of batches to evaluate")
    batches = iter(dataloader)
    fillers = getattr(position(dataloader), "fillers", 0)
    batch = next(batches, None)
    while batch is not None:
        following = next(batches, None)
        if not knows_length:
            processes.check_same(int(following is not None), "whether another batch of an iterable data set is there")
        last = following is None
        if isinstance(batch, Filler):
            yield batch.value, 0, last
        else:
            yield batch, rows_in(batch) - (fillers if last else 0), last
        batch = following


class _Kept:
    """What is kept of an evaluation: a sum of losses, and, if asked for, predictions, labels and inputs."""

    def __init__(self, trainer: Any, loss_only: bool) -> None:
        self.trainer, self.loss_only = trainer, loss_only
        self.loss_sum, self.loss_rows, self.rows = 0.0, 0, 0
        self.parts: dict[str, list[Any]] = {"predictions": [], "labels": [], "inputs": [], "losses": []}
        self.metrics: dict[str, Any] | None = None

    def take(self, inputs: Any, rows: int, step: tuple[Any, Any, Any], last: bool) -> None:
        """Add a batch of which so many rows count."""
        trainer, args = self.trainer, self.trainer.args
        loss, logits, labels = step
        self.rows += rows
        if loss is not None:
            self.loss_sum += float(loss) * rows
            self.loss_rows += rows
        if self.loss_only:
            return
        if logits is not None and trainer.preprocess_logits_for_metrics is not None:
            logits = trainer.preprocess_logits_for_metrics(logits, labels)
        wanted = {"predictions": logits, "labels": labels}
        if "inputs" in args.include_for_metrics:
            name = getattr(trainer.model, "main_input_name", "input_ids")
            wanted["inputs"] = inputs[name]
        if "loss" in args.include_for_metrics and loss is not None:
            wanted["losses"] = loss.detach().repeat(rows)
        if not rows:  # a batch that is there so that this process takes as many as others
            wanted = {name: nested_truncate(each, 0) for name, each in wanted.items()}
        wanted = {name: gathered_rows(each, args.processes) for name, each in wanted.items()}
        if args.batch_eval_metrics and trainer.compute_metrics is not None:
            self.metrics = trainer.compute_metrics(_prediction(wanted), compute_result=last)
            return
        for name, each in wanted.items():
            if each is not None:
                self.parts[name].append(each)
        if args.eval_accumulation_steps is not None and len(self.parts["predictions"]) % args.eval_accumulation_steps == 0:
            self.parts = {name: [nested_numpify(each) for each in parts] for name, parts in self.parts.items()}

    def output(self, prefix: str) -> EvalLoopOutput:
        """All that was kept, with the metrics of it."""
        trainer, args = self.trainer, self.trainer.args
        sums = args.processes.summed(torch.tensor([self.loss_sum, self.loss_rows, self.rows], dtype=torch.float64))
        loss_sum, loss_rows, rows = sums.tolist()
        whole: dict[str, Any] = {}
        for name, parts in self.parts.items():
            arrays = [nested_numpify(each) for each in parts]
            whole[name] = None if not arrays else joined_rows(arrays) if args.eval_do_concat_batches else arrays
        metrics: dict[str, Any] = self.metrics or {}
        if trainer.compute_metrics is not None and not args.batch_eval_metrics and not self.loss_only:
            if whole["predictions"] is not None and whole["labels"] is not None:
                metrics = trainer.compute_metrics(_prediction(whole))
        if not isinstance(metrics, Mapping):
            raise ArgumentError(f"compute_metrics returned a {type(metrics).__name__}; expected a dict of metrics by name")
        metrics = {name: as_number(each) for name, each in dict(metrics).items()}
        for name, each in metrics.items() if trainer.is_in_train else ():
            check_metric(name, each)
        if loss_rows:
            metrics[f"{prefix}_loss"] = loss_sum / loss_rows
            if math.isnan(loss_sum):
                warn_once(
                    "nan-loss", "the loss of an evaluation is NaN: a batch has no label that counts, or the model gives NaN"
                )
        named = {name if name.startswith(f"{prefix}_") else f"{prefix}_{name}": each for name, each in metrics.items()}
        return EvalLoopOutput(whole["predictions"], whole["labels"], named, int(rows))


def _prediction(kept: dict[str, Any]) -> EvalPrediction:
    return EvalPrediction(kept["predictions"], kept["labels"], kept.get("inputs"), kept.get("losses"))
