"""What `Trainer` refuses, tells and gets over."""

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.kit.training import at_step, config, plain_log, rows

import bestiary
from bestiary.core.errors import ArgumentError, InputError, NumericsError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.training.checkpoints import checkpoints_in, rotate
from bestiary.training.interruption import Listener


def _trainer(folder: Path, *callbacks: Any, kind: str = "classifier", trainer_class: Any = None, **options: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, kind, 0.0)
    names = ("train_dataset", "eval_dataset", "data_collator", "compute_metrics")
    given = {name: options.pop(name) for name in names if name in options}
    model = options.pop("model", None) or model_class(made)
    values: dict[str, Any] = {"max_steps": 4, "save_strategy": "no", "learning_rate": 1e-2, "logging_steps": 1, "use_cpu": True}
    args = bestiary.TrainingArguments(str(folder), per_device_train_batch_size=4, disable_tqdm=True, **values | options)
    data: dict[str, Any] = {"train_dataset": rows(kind), **given}
    return (trainer_class or bestiary.Trainer)(model, args, callbacks=list(callbacks), **data)


def _weights(trainer: Any) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in trainer.model.parameters()])


def test_an_update_that_is_not_finite_is_left_out(tmp_path: Path) -> None:
    class Broken(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            loss = super().compute_loss(model, inputs, return_outputs)
            return loss * math.nan if self.state.global_step in (1, 2) else loss

    trainer = _trainer(tmp_path, trainer_class=Broken)
    with pytest.warns(BestiaryWarning, match="step 2: the loss is nan"):
        trainer.train()
    assert _weights(trainer).isfinite().all()
    left_out = [entry for entry in trainer.state.log_history if entry.get("skipped")]
    assert [entry["step"] for entry in left_out] == [2, 3]
    assert all(math.isnan(entry["loss"]) for entry in left_out)
    losses = [entry["loss"] for entry in trainer.state.log_history if "loss" in entry and not entry.get("skipped")]
    assert all(map(math.isfinite, losses))
    assert trainer.state.global_step == 4
    forget_warnings()
    with pytest.raises(NumericsError, match="2 updates in a row .* at step 3"), pytest.warns(BestiaryWarning):
        _trainer(tmp_path, trainer_class=Broken, max_nonfinite_updates=2).train()


def test_out_of_memory_cuts_batches_and_changes_nothing_else(tmp_path: Path) -> None:
    class Small(bestiary.Trainer):
        sizes: list[int] = []

        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
            self.sizes.append(len(inputs["input_ids"]))
            if self.sizes[-1] > 2:
                raise torch.OutOfMemoryError
            return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)

    for kind in ("causal", "classifier"):
        whole = _trainer(tmp_path, kind=kind, optim="sgd", gradient_accumulation_steps=2)
        whole.train()
        Small.sizes = []
        cut = _trainer(
            tmp_path, kind=kind, optim="sgd", gradient_accumulation_steps=2, auto_find_batch_size=True, trainer_class=Small
        )
        cut.train()
        assert Small.sizes[0] == 4
        assert set(Small.sizes[1:]) == {2, 1} or set(Small.sizes[1:]) == {2}
        assert torch.allclose(_weights(whole), _weights(cut), atol=1e-6)
        assert cut.state.global_step == whole.state.global_step
    with pytest.raises(torch.OutOfMemoryError) as raised:
        _trainer(tmp_path, trainer_class=Small).train()
    assert "per_device_train_batch_size below 4, or auto_find_batch_size" in raised.value.__notes__[0]


def test_advice_where_no_batch_can_be_smaller(tmp_path: Path) -> None:
    class Full(bestiary.Trainer):
        def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
            raise torch.OutOfMemoryError

    with pytest.raises(torch.OutOfMemoryError) as raised:
        _trainer(tmp_path, trainer_class=Full, auto_find_batch_size=True).train()
    (note,) = raised.value.__notes__
    for way in ("a batch of 1, in train", "shorter texts (these have 8 tokens)", "gradient_checkpointing=True", "load_in_4bit"):
        assert way in note
    assert "batch_size" not in note
    with pytest.raises(torch.OutOfMemoryError) as raised:
        _trainer(tmp_path, trainer_class=Full, gradient_checkpointing=True, bf16=True).train()
    assert "gradient_checkpointing" not in raised.value.__notes__[0]
    with pytest.raises(torch.OutOfMemoryError) as raised:
        _trainer(tmp_path, trainer_class=Full, eval_dataset=rows("classifier", 4)).evaluate()
    (note,) = raised.value.__notes__
    assert "per_device_eval_batch_size below 4" in note
    assert "gradient_checkpointing" not in note


def test_rotation_keeps_the_best_the_newest_and_what_it_did_not_write(tmp_path: Path) -> None:
    (tmp_path / "checkpoint-1000").mkdir()
    (tmp_path / "checkpoint-notes").mkdir()
    values = iter([0.5, 0.9, 0.1, 0.2])
    seen = []

    class Look(bestiary.TrainerCallback):
        def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            seen.append([path.name for path in checkpoints_in(tmp_path)])

    trainer = _trainer(
        tmp_path,
        Look(),
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="steps",
        save_steps=1,
        save_total_limit=1,
        metric_for_best_model="accuracy",
        load_best_model_at_end=True,
        eval_dataset=rows("classifier", 4),
        compute_metrics=lambda prediction: {"accuracy": next(values)},
    )
    trainer.train()
    others = ["checkpoint-1000"]
    kept = [["checkpoint-1"], ["checkpoint-2"], ["checkpoint-2", "checkpoint-3"], ["checkpoint-2", "checkpoint-4"]]
    assert seen == [each + others for each in kept]
    assert (tmp_path / "checkpoint-notes").is_dir()
    assert trainer.state.best_metric == 0.9
    assert trainer.state.best_model_checkpoint == str(tmp_path / "checkpoint-2")
    best = type(trainer.model).from_pretrained(tmp_path / "checkpoint-2")
    for name, value in best.state_dict().items():
        assert torch.equal(value, trainer.model.state_dict()[name])
    rotate(tmp_path, 1, "another run", None)
    assert len(checkpoints_in(tmp_path)) == 3


def test_early_stopping_and_saving_the_best(tmp_path: Path) -> None:
    values = iter([0.5, 0.9, 0.1, 0.2, 1.0])
    trainer = _trainer(
        tmp_path,
        bestiary.EarlyStoppingCallback(early_stopping_patience=2),
        max_steps=10,
        eval_strategy="steps",
        eval_steps=1,
        save_strategy="best",
        metric_for_best_model="accuracy",
        load_best_model_at_end=True,
        eval_dataset=rows("classifier", 4),
        compute_metrics=lambda prediction: {"accuracy": next(values)},
    )
    trainer.train()
    assert trainer.state.global_step == 4
    assert [path.name for path in checkpoints_in(tmp_path)] == ["checkpoint-1", "checkpoint-2"]


def test_what_is_wrong_is_said_before_work_begins(tmp_path: Path) -> None:
    class NoRows:
        def __len__(self) -> int:
            return 0

        def __getitem__(self, index: int) -> Any:
            raise IndexError

    class Endless(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter(rows("classifier"))

    model_class, made = config(bestiary, "classifier", 0.0)
    frozen = model_class(made).requires_grad_(False)
    only_texts = [{"sentence": "a"}] * 8
    cases: list[tuple[dict[str, Any], str]] = [
        ({"train_dataset": NoRows()}, "train_dataset has no rows"),
        ({"eval_dataset": NoRows()}, "eval_dataset has no rows"),
        ({"eval_strategy": "steps"}, "no eval_dataset to evaluate"),
        ({"model": frozen}, "nothing to train"),
        ({"train_dataset": only_texts}, "columns sentence, none of which the model takes"),
        ({"train_dataset": Endless(), "max_steps": -1}, "say max_steps"),
        ({"train_dataset": None}, "needs a train_dataset"),
        ({"train_dataset": rows("classifier", 3), "dataloader_drop_last": True}, "yields no batch: 3 rows"),
        ({"train_dataset": [{"input_ids": row["input_ids"]} for row in rows("classifier")]}, "no loss"),
    ]
    for options, message in cases:
        with pytest.raises((ArgumentError, InputError), match=message):
            _trainer(tmp_path, **options).train()
    with pytest.raises(ArgumentError, match="holds no whole checkpoint"):
        _trainer(tmp_path).train(resume_from_checkpoint=True)
    with pytest.raises(ArgumentError, match="there is no such folder"):
        _trainer(tmp_path).train(resume_from_checkpoint="nowhere")
    with pytest.raises(ArgumentError, match="needs a model"):
        bestiary.Trainer()
    with pytest.raises(ArgumentError, match="model_init makes another"):
        bestiary.Trainer(model_init=lambda: model_class(made), optimizers=(object(), None))


def test_doubtful_trainings_are_told_once(tmp_path: Path) -> None:
    class Headed(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.used, self.idle = torch.nn.Linear(4, 1), torch.nn.Linear(4, 1)

        def forward(self, x: torch.Tensor, labels: torch.Tensor) -> Any:
            return ((self.used(x).squeeze(-1) - labels) ** 2).mean(), self.used(x)

    data = [{"x": torch.ones(4) * index, "labels": float(index), "name": "row"} for index in range(8)]
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=r"does not depend on idle.weight, idle.bias"):
        _trainer(tmp_path, model=Headed(), train_dataset=data, label_names=["labels"]).train()
    model_class, made = config(bestiary, "classifier", 0.0)
    with pytest.warns(BestiaryWarning, match="tf32=True changes nothing"):
        _trainer(tmp_path, tf32=True)
    with pytest.warns(BestiaryWarning, match="weights to be trained are in 16 bits"):
        _trainer(tmp_path, model=model_class(made).to(torch.bfloat16))
    forget_warnings()


def test_a_collator_of_a_users_sees_every_column(tmp_path: Path) -> None:
    seen = []

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        seen.append(sorted(batch[0]))
        ids = torch.stack([row["input_ids"] for row in batch])
        return {
            "input_ids": ids,
            "labels": torch.tensor([row["kind"] for row in batch]),
            "name": [row["name"] for row in batch],
        }

    data = [{"input_ids": row["input_ids"], "kind": row["label"], "name": "x"} for row in rows("classifier")]
    _trainer(tmp_path, train_dataset=data, data_collator=collate).train()
    assert seen[0] == ["input_ids", "kind", "name"]
    with pytest.raises(InputError, match="needs x; the batch holds labels"):
        _trainer(tmp_path, model=_NeedsX(), train_dataset=rows("classifier")).train()


class _NeedsX(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def forward(self, x: torch.Tensor, input_ids: Any = None, labels: Any = None) -> Any:
        return (x * self.weight).mean()


def test_a_model_is_made_anew_for_each_training(tmp_path: Path) -> None:
    model_class, made = config(bestiary, "classifier", 0.1)
    args = bestiary.TrainingArguments(str(tmp_path), max_steps=2, save_strategy="no", use_cpu=True, disable_tqdm=True)
    trainer = bestiary.Trainer(model_init=lambda: model_class(made), args=args, train_dataset=rows("classifier"))
    ends = []
    for _ in range(2):
        trainer.train()
        ends.append(_weights(trainer))
    assert torch.equal(*ends)
    with pytest.raises(ArgumentError, match="takes 2 arguments"):
        bestiary.Trainer(model_init=lambda first, second: None, args=args)  # type: ignore[arg-type,misc]


def test_metrics_are_printed_and_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json

    trainer = _trainer(tmp_path)
    output = trainer.train()
    trainer.log_metrics(
        "train", {"train_runtime": 3725.4567, "total_flos": 13922304000000.0, "train_loss": 0.123456789, "epoch": 3.0}
    )
    assert capsys.readouterr().out.endswith(
        "***** train metrics *****\n  epoch         =        3.0\n  total_flos    =    12966GF\n"
        "  train_loss    =     0.1235\n  train_runtime = 1:02:05.45\n"
    )
    trainer.save_metrics("train", output.metrics)
    trainer.save_metrics("eval", {"eval_loss": 1.0})
    trainer.save_state()
    trainer.save_model()
    assert json.loads((tmp_path / "train_results.json").read_text()) == output.metrics
    assert json.loads((tmp_path / "all_results.json").read_text()) == {**output.metrics, "eval_loss": 1.0}
    state = bestiary.TrainerState.load_from_json(str(tmp_path / "trainer_state.json"))
    assert state.log_history == trainer.state.log_history
    opened = type(trainer.model).from_pretrained(tmp_path)
    assert torch.equal(opened.classifier.weight, trainer.model.classifier.weight)


def test_accelerations_change_nothing(tmp_path: Path) -> None:
    """Recomputed activations and a compiled model: the same weights; noise on embeddings and 16 bits: other ones."""
    plain = _trainer(tmp_path, optim="sgd")
    plain.train()
    for options in ({"gradient_checkpointing": True}, {"torch_compile": True, "torch_compile_backend": "eager"}):
        other = _trainer(tmp_path, optim="sgd", **options)
        other.train()
        assert torch.allclose(_weights(plain), _weights(other), atol=1e-6), options
        assert other.model.is_gradient_checkpointing == ("gradient_checkpointing" in options)
        assert isinstance(other.model_wrapped, torch._dynamo.OptimizedModule) == ("torch_compile" in options)
    for options in ({"neftune_noise_alpha": 5.0}, {"bf16": True}):
        other = _trainer(tmp_path, optim="sgd", **options)
        other.train()
        difference = (_weights(plain) - _weights(other)).abs().max()
        assert 0 < difference < 0.1, options
        assert not other.model.get_input_embeddings()._forward_hooks


def test_tokens_are_counted_and_the_first_step_is_logged(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path, include_num_input_tokens_seen=True, logging_steps=3, logging_first_step=True)
    trainer.train()
    assert [entry["step"] for entry in plain_log(trainer)] == [1, 3, 4]
    assert trainer.state.num_input_tokens_seen == 4 * 4 * 8


def test_no_cache_is_made_in_training_and_generation_keeps_its_own(tmp_path: Path) -> None:
    """Release 5.23 leaves `use_cache` off in the model and in what is saved, so that generation is slow from then on."""
    seen = []

    class Look(bestiary.Trainer):
        def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
            loss, outputs = super().compute_loss(model, inputs, return_outputs=True)
            seen.append(outputs.past_key_values)
            return (loss, outputs) if return_outputs else loss

    trainer = _trainer(tmp_path, kind="causal", trainer_class=Look, save_strategy="steps", save_steps=4)
    trainer.train()
    assert seen == [None] * 4
    assert trainer.model.config.use_cache
    assert type(trainer.model).from_pretrained(tmp_path / "checkpoint-4").config.use_cache


def test_a_listener_hears_nothing_outside_of_its_context() -> None:
    import os
    import signal

    former = signal.signal(signal.SIGTERM, lambda *_: heard.append(1))
    heard: list[int] = []
    try:
        listener = Listener()
        with listener:
            os.kill(os.getpid(), signal.SIGTERM)
        assert listener.heard
        assert not heard
        os.kill(os.getpid(), signal.SIGTERM)
        assert heard == [1]
    finally:
        signal.signal(signal.SIGTERM, former)


def test_callbacks_are_added_and_taken_out(tmp_path: Path) -> None:
    trainer = _trainer(tmp_path)
    trainer.add_callback(bestiary.EarlyStoppingCallback)
    assert isinstance(trainer.pop_callback(bestiary.EarlyStoppingCallback), bestiary.EarlyStoppingCallback)
    assert trainer.pop_callback(bestiary.EarlyStoppingCallback) is None
    stop = at_step("on_step_end", 2, lambda: setattr(trainer.control, "should_training_stop", True))
    trainer.add_callback(stop)
    trainer.train()
    assert trainer.state.global_step == 2
    with pytest.raises(ArgumentError, match="derives from TrainerCallback"):
        trainer.add_callback(object())


class _Passing:
    """A collator of a user's that passes every column on."""

    def __call__(self, rows: list[Any]) -> dict[str, torch.Tensor]:
        batch = {name: torch.stack([torch.as_tensor(row[name]) for row in rows]) for name in rows[0]}
        batch["labels"] = batch.pop("label")
        return batch


@pytest.mark.parametrize("collator", [None, _Passing()])
def test_columns_that_are_left_out_are_said_before_the_first_step(
    collator: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    data = [{**row, "idx": number} for number, row in enumerate(rows("classifier", 4))]
    said: list[str] = []
    note = at_step("on_pre_optimizer_step", 0, lambda: said.extend(each.getMessage() for each in caplog.records))
    trainer = _trainer(tmp_path, note, max_steps=1, train_dataset=data, eval_dataset=data, data_collator=collator)
    with caplog.at_level("INFO", logger="bestiary"):
        trainer.train()
        trainer.evaluate()
    told = [each for each in caplog.records if "does not take the columns idx" in each.getMessage()]
    assert [(each.levelname, each.getMessage().partition(":")[0]) for each in told] == [
        ("WARNING", "Training"),
        ("INFO", "Evaluation"),
    ]
    assert told[0].getMessage() in said
