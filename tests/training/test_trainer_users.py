"""What users do with a `Trainer`, done with the published one too: the same numbers."""

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tests.kit.training import config, plain_log, rows

import bestiary
from bestiary.core.errors import ArgumentError


def _trainer(library: Any, folder: Path, kind: str = "classifier", dropout: float = 0.0, **given: Any) -> Any:
    """A trainer of the weights in `folder`; `given` are arguments of it, and in `options` those of its training."""
    if not (folder / "weights").is_dir():
        torch.manual_seed(3)
        model_class, made = config(transformers, kind, dropout)
        model_class(made).save_pretrained(folder / "weights")
    model_class, made = config(library, kind, dropout)
    options = {"max_steps": 9, "logging_steps": 1, "save_strategy": "no", "learning_rate": 1e-2, "report_to": "none"}
    options |= {"use_cpu": True, "disable_tqdm": True, "per_device_train_batch_size": 4} | given.pop("options", {})
    args = library.TrainingArguments(output_dir=str(folder / library.__name__), **options)
    library.set_seed(0)
    given.setdefault("model", model_class.from_pretrained(folder / "weights", config=made))
    return library.Trainer(args=args, **{"train_dataset": rows(kind), "eval_dataset": rows(kind)[:6]} | given)


def _assert_same_log(ours: Any, theirs: Any) -> None:
    for mine, reference in zip(plain_log(ours), plain_log(theirs), strict=True):
        assert mine == pytest.approx(reference, rel=2e-4, abs=2e-5)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["greedy", "reduce_lr_on_plateau"])
def test_a_schedule_hears_of_evaluations(name: str, tmp_path: Path) -> None:
    kwargs = {"patience": 0, "factor": 0.5, "min_lr": 1e-5}
    options = {"lr_scheduler_type": name, "lr_scheduler_kwargs": kwargs, "eval_strategy": "steps", "eval_steps": 2}
    ours, theirs = (_trainer(library, tmp_path, options=options) for library in (bestiary, transformers))
    ours.train()
    theirs.train()
    _assert_same_log(ours, theirs)
    assert len({entry["learning_rate"] for entry in ours.state.log_history if "learning_rate" in entry}) > 1
    with pytest.raises(ArgumentError, match="needs an eval_strategy"):
        bestiary.TrainingArguments(str(tmp_path), lr_scheduler_type=name)


@pytest.mark.filterwarnings("ignore")
def test_a_training_goes_on_from_a_checkpoint_of_the_published_trainer(tmp_path: Path) -> None:
    """With its random numbers: dropout is the same as if it had gone on there. No pickle in the folder is run."""

    def trainer(library: Any, **options: Any) -> Any:
        return _trainer(library, tmp_path, "causal", 0.1, options={"gradient_accumulation_steps": 2, **options})

    theirs = trainer(transformers, save_strategy="steps", save_steps=5)
    theirs.train()
    ours = trainer(bestiary)
    checkpoint = tmp_path / "transformers" / "checkpoint-5"
    (checkpoint / "training_args.bin").write_bytes(b"cos\nabort\n(tR.")
    ours.train(resume_from_checkpoint=str(checkpoint))
    ours.state.log_history.pop(), theirs.state.log_history.pop()  # the mean loss is of other updates
    _assert_same_log(ours, theirs)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", ["params", "optimizer_dict"])
def test_an_optimizer_of_chosen_parameters(name: str, tmp_path: Path) -> None:
    """A subclass names the parameters; code that derives from the arguments asks for switches that are not here."""
    ours, theirs = (_trainer(library, tmp_path, options={"max_steps": 3}) for library in (bestiary, transformers))
    for trainer in (ours, theirs):
        before = trainer.model.bert.embeddings.word_embeddings.weight.clone()
        chosen = {name: [{"params": list(trainer.model.classifier.parameters())}], "lr": 0.1}
        trainer.optimizer_cls_and_kwargs = (torch.optim.SGD, chosen)
        trainer.train()
        assert torch.equal(before, trainer.model.bert.embeddings.word_embeddings.weight)
        assert not trainer.args.hub_model_id
        assert not trainer.args.push_to_hub
    _assert_same_log(ours, theirs)


@pytest.mark.filterwarnings("ignore")
def test_metrics_of_batches_get_tensors(tmp_path: Path) -> None:
    """As published code reads them: with the methods of a tensor, batch by batch."""
    batches: list[tuple[Any, ...]] = []

    def metrics(found: Any, compute_result: bool) -> dict[str, float]:
        right = (found.predictions.argmax(dim=-1) == found.label_ids).sum().item()
        batches.append((right, tuple(found.predictions.shape), compute_result))
        return {"right": float(right)} if compute_result else {}

    options = {"batch_eval_metrics": True, "per_device_eval_batch_size": 4}
    found = []
    for library in (bestiary, transformers):
        value = _trainer(library, tmp_path, options=options, compute_metrics=metrics).evaluate()
        found.append((value["eval_right"], *batches))
        batches.clear()
    assert found[0] == found[1]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("accumulation", [1, 2])
def test_batches_without_a_label_are_no_part_of_a_loss(accumulation: int, tmp_path: Path) -> None:
    """Their mean over no label is not a number; the weights and losses of the rest are as if these batches were not there."""
    data = [{**row, "labels": row["input_ids"] % 3} for row in rows("classifier", 12)]
    data = [{"input_ids": row["input_ids"], "labels": row["labels"]} for row in data]
    for row in data[4:8]:
        row["labels"] = torch.full((8,), -100)
    made = config(bestiary, "classifier", 0.0)[1]
    torch.manual_seed(0)
    weights = bestiary.BertForTokenClassification(made).state_dict()
    ends = []
    for given, batches in ((data, accumulation), (data[:4] + data[8:], 1)):
        model = bestiary.BertForTokenClassification(made)
        model.load_state_dict(weights)
        options = {"train_sampling_strategy": "sequential", "gradient_accumulation_steps": batches, "optim": "sgd"}
        options |= {"max_steps": -1, "num_train_epochs": 1, "lr_scheduler_type": "constant", "max_grad_norm": 0.0}
        trainer = _trainer(bestiary, tmp_path, model=model, train_dataset=given, eval_dataset=None, options=options)
        trainer.train()
        ends.append((model.state_dict(), [entry["loss"] for entry in trainer.state.log_history if "loss" in entry]))
    (first, losses), (second, wanted) = ends
    for name, value in first.items():
        torch.testing.assert_close(value, second[name])
    assert losses == pytest.approx([wanted[0], 0.0, wanted[1]] if accumulation == 1 else wanted)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("kind", ["causal", "classifier"])
def test_a_loss_is_told_the_labels_of_a_batch_in_evaluation_too(kind: str, tmp_path: Path) -> None:
    """A loss that divides by num_items_in_batch needs no other case for an evaluation."""

    def summed(outputs: Any, labels: torch.Tensor, num_items_in_batch: torch.Tensor) -> torch.Tensor:
        logits = outputs["logits"]
        if logits.dim() > 2:
            logits, labels = logits[:, :-1], labels[:, 1:]
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten(), reduction="sum")
        return loss / num_items_in_batch

    options = {"gradient_accumulation_steps": 2, "eval_strategy": "epoch", "per_device_eval_batch_size": 4}
    ours, theirs = (
        _trainer(library, tmp_path, kind, compute_loss_func=summed, options=options) for library in (bestiary, transformers)
    )
    ours.train()
    theirs.train()
    _assert_same_log(ours, theirs)
