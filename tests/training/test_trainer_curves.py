"""A training by `Trainer` against one by the published trainer: the same losses, gradients, rates and events, step by step."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.kit.training import config, plain_log, rows

import bestiary

KINDS = ("causal", "classifier", "seq2seq", "vision")
# Options, and the kinds whose published trainer weighs the batches of an update as one: others sum their means (release 5.23).
VARIANTS: dict[str, tuple[dict[str, Any], tuple[str, ...]]] = {
    "dropout": ({}, KINDS),
    "accumulation": (
        {"gradient_accumulation_steps": 2, "max_grad_norm": 0.5, "warmup_steps": 0.2, "num_train_epochs": 1.5},
        ("causal", "vision"),
    ),
    "adafactor": ({"optim": "adafactor", "logging_steps": 3, "lr_scheduler_type": "cosine", "max_steps": 7}, KINDS),
    "smoothed": (
        {"label_smoothing_factor": 0.1, "optim": "sgd", "logging_strategy": "epoch"},
        ("causal", "classifier", "vision"),
    ),
    "group": ({"train_sampling_strategy": "sequential", "adam_beta2": 0.95, "bf16": True}, ("classifier",)),
}


def _trained(library: Any, kind: str, weights: Path, folder: Path, options: dict[str, Any], dropout: float) -> Any:
    events: list[tuple[Any, ...]] = []

    def note(event: str) -> Any:
        def called(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            events.append((event, state.global_step, round(state.epoch or 0, 6), sorted(kwargs)))

        return called

    names = [name for name in vars(library.TrainerCallback) if name.startswith("on_")]
    recorder = type("Recorder", (library.TrainerCallback,), {name: note(name) for name in names})()
    model_class, made = config(library, kind, dropout)
    model = model_class.from_pretrained(weights, config=made)
    library.set_seed(0)
    values: dict[str, Any] = {"num_train_epochs": 2, "logging_steps": 1, "eval_strategy": "epoch", "save_strategy": "no"}
    values |= {"learning_rate": 1e-2, "warmup_steps": 2, "weight_decay": 0.1, "use_cpu": True, "disable_tqdm": True}
    args = library.TrainingArguments(output_dir=str(folder), per_device_train_batch_size=4, **values | options)
    data = rows(kind)
    trainer = library.Trainer(model=model, args=args, train_dataset=data, eval_dataset=data[:6], callbacks=[recorder])
    trainer.events, trainer.output = events, trainer.train()
    return trainer


@pytest.mark.parametrize(
    ("variant", "kind"),
    [pytest.param(name, kind, id=f"{name}-{kind}") for name, (_, kinds) in VARIANTS.items() for kind in kinds],
)
@pytest.mark.filterwarnings("ignore")
def test_curves(variant: str, kind: str, tmp_path: Path) -> None:
    options, dropout = VARIANTS[variant][0], 0.1 if variant == "dropout" else 0.0
    torch.manual_seed(3)
    model_class, made = config(transformers, kind, dropout)
    model_class(made).save_pretrained(tmp_path / "weights")
    theirs = _trained(transformers, kind, tmp_path / "weights", tmp_path / "theirs", options, dropout)
    ours = _trained(bestiary, kind, tmp_path / "weights", tmp_path / "ours", options, dropout)
    assert ours.events == theirs.events
    tolerance = 2e-3 if options.get("bf16") else 2e-5
    for mine, reference in zip(plain_log(ours), plain_log(theirs), strict=True):
        assert mine.keys() == reference.keys()
        assert mine == pytest.approx(reference, rel=tolerance, abs=tolerance)
    theirs.model.save_pretrained(tmp_path / "end")
    weights = type(ours.model).from_pretrained(tmp_path / "end").state_dict()
    for name, value in ours.model.state_dict().items():
        if not name.endswith("key.bias"):  # its gradient is 0 but for rounding, which optimizers make large
            torch.testing.assert_close(value, weights[name], atol=5e-2 if options.get("bf16") else 2e-4, rtol=0)
    assert ours.output.training_loss == pytest.approx(theirs.output.training_loss, rel=tolerance)
    assert ours.output.metrics.keys() == theirs.output.metrics.keys() | {"total_flos"}


@pytest.mark.filterwarnings("ignore")
def test_predictions_are_those_of_the_published_trainer(tmp_path: Path) -> None:
    """Ragged predictions are padded with -100; metrics have the prefix; what is asked for besides comes along."""

    def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)
        ids = torch.zeros(len(batch), longest, dtype=torch.long)
        labels = torch.full((len(batch), longest), -100)
        for index, row in enumerate(batch):
            ids[index, : len(row["input_ids"])] = row["input_ids"]
            labels[index, : len(row["input_ids"])] = row["labels"]
        return {"input_ids": ids, "labels": labels}

    data = [{name: value[: 4 + index % 4] for name, value in row.items()} for index, row in enumerate(rows("causal", 7))]
    torch.manual_seed(3)
    model_class, made = config(transformers, "causal", 0.0)
    model_class(made).save_pretrained(tmp_path)
    results = []
    for library in (transformers, bestiary):
        model_class, made = config(library, "causal", 0.0)
        model = model_class.from_pretrained(tmp_path, config=made)

        def metrics(prediction: Any) -> dict[str, float]:
            assert prediction.inputs.shape == prediction.label_ids.shape
            return {"right": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean()), "n": 3}

        args = library.TrainingArguments(
            str(tmp_path / "out"), per_device_eval_batch_size=3, include_for_metrics=["inputs"], use_cpu=True, disable_tqdm=True
        )
        trainer = library.Trainer(model, args, collate, eval_dataset={"a": data, "b": data[:2]}, compute_metrics=metrics)
        results.append((trainer.predict(data), trainer.evaluate()))
    (theirs, their_metrics), (ours, our_metrics) = results
    assert ours.predictions.shape == theirs.predictions.shape == (7, 7, 50)
    assert (ours.label_ids == theirs.label_ids).all()
    assert abs(ours.predictions - theirs.predictions).max() < 1e-5
    for mine, reference in ((ours.metrics, theirs.metrics), (our_metrics, their_metrics)):
        assert mine.keys() == reference.keys()
        words = ("second", "runtime", "preparation")
        kept = [{k: v for k, v in each.items() if not any(word in k for word in words)} for each in (mine, reference)]
        for name, value in kept[0].items():
            assert value == pytest.approx(kept[1][name], rel=1e-5, abs=1e-5), name
