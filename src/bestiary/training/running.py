"""What a training program does with a trainer: train, evaluate and predict as its arguments say, and keep the results."""

from typing import Any

from ..core.files import folder_to_fill, write_json
from .data_files import Rows
from .seq2seq_arguments import Seq2SeqTrainingArguments
from .seq2seq_trainer import Seq2SeqTrainer
from .task import Features, Metrics, Task
from .trainer import Trainer


def run_task(
    task: Task,
    model: Any,
    preprocessor: Any,
    args: Any,
    rows: dict[str, Rows],
    features: dict[str, Features] | None = None,
) -> dict[str, float]:
    """Train a model for a task, evaluate it and predict, as `args` say (see `run`).

    Args:
        preprocessor: its tokenizer or processor. args: `TrainingArguments`, or `Seq2SeqTrainingArguments` of tasks whose
        answers are generated. rows: train, validation and test, those that there are. features: of them, if they are made.
    """
    features = features or {part: task.features(rows[part], preprocessor, model.config, part == "train") for part in rows}
    metrics = {
        part: task.compute_metrics(rows[part], features[part], preprocessor, model.config)
        for part in ("validation", "test")
        if part in rows and (not task.generates or args.predict_with_generate)
    }
    kind: type[Any] = Seq2SeqTrainer if isinstance(args, Seq2SeqTrainingArguments) else Trainer
    if task.has_loss:
        kind = type("TaskTrainer", (_OwnLoss, kind), {"task": task})
    trainer = kind(
        model=model,
        args=args,
        train_dataset=features.get("train"),
        eval_dataset=features.get("validation"),
        processing_class=preprocessor,
        data_collator=task.collator(preprocessor, model),
        compute_metrics=metrics.get("validation"),
        preprocess_logits_for_metrics=task.preprocess_logits(),
    )
    if task.has_loss:
        trainer.label_names = ["labels"]
    return run(trainer, features.get("test"), metrics.get("test"))


class _OwnLoss:
    """Of a trainer: the loss is the task's."""

    task: Any

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """See `Trainer.compute_loss`."""
        loss, outputs = self.task.loss(model, inputs)
        return (loss, outputs) if return_outputs else loss


def run(trainer: Any, test_dataset: Any = None, test_metrics: Metrics | None = None) -> dict[str, float]:
    """Train, evaluate and predict as `do_train`, `do_eval` and `do_predict` of `trainer.args` say.

    Training goes on from `resume_from_checkpoint`. The model, its preprocessor, `train_results.json`, `eval_results.json`,
    `all_results.json` and the trainer's state are written to `output_dir`; where metrics have `tables`, as those of question
    answering, each of them as `eval_NAME.json` and `predict_NAME.json`.

    Args:
        test_dataset: features to predict. test_metrics: what their predictions are worth, if not told as the evaluation's is.

    Returns:
        All metrics.
    """
    args = trainer.args
    results: dict[str, float] = {}
    if args.do_train:
        output = trainer.train(resume_from_checkpoint=args.resume_from_checkpoint)
        metrics = {**output.metrics, "train_samples": len(trainer.train_dataset)}
        trainer.save_model()
        _keep(trainer, "train", metrics)
        trainer.save_state()
        results |= metrics
    if args.do_eval:
        metrics = trainer.evaluate()
        _keep_tables(trainer, "eval")
        if hasattr(trainer.eval_dataset, "__len__"):
            metrics["eval_samples"] = len(trainer.eval_dataset)
        _keep(trainer, "eval", metrics)
        results |= metrics
    if args.do_predict and test_dataset is not None:
        trainer.compute_metrics = test_metrics or trainer.compute_metrics
        output = trainer.predict(test_dataset)
        metrics = output.metrics
        if output.label_ids is None and hasattr(trainer.compute_metrics, "answer"):
            trainer.compute_metrics.answer(output.predictions)
        _keep_tables(trainer, "predict")
        _keep(trainer, "test", metrics)
        results |= metrics
    return results


def _keep(trainer: Any, split: str, metrics: dict[str, float]) -> None:
    trainer.log_metrics(split, metrics)
    trainer.save_metrics(split, metrics)


def _keep_tables(trainer: Any, prefix: str) -> None:
    if trainer.is_world_process_zero():
        for name, table in getattr(trainer.compute_metrics, "tables", {}).items():
            write_json(folder_to_fill(trainer.args.output_dir) / f"{prefix}_{name}.json", table)
