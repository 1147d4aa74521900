"""Two processes that train together (gloo, started by torchrun) end where one process with batches of twice the size ends."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.training import config, rows

import bestiary

ROOT = Path(__file__).parents[2]
# 17 rows in batches of 8 leave one row for two processes.
COUNT = 17


class Stream(torch.utils.data.IterableDataset[Any]):
    """Rows one after the other, without a length."""

    def __iter__(self) -> Any:
        return iter(rows("causal", COUNT))


class OwnMean(bestiary.Trainer):
    """A loss of a user's: the mean over a batch, which knows nothing of other batches."""

    def compute_loss(self, model: Any, inputs: Any, return_outputs: bool = False, **kwargs: Any) -> Any:
        labels = inputs["labels"][:, 1:]
        outputs = model(input_ids=inputs["input_ids"])
        loss = torch.nn.functional.cross_entropy(outputs.logits[:, :-1].flatten(0, 1), labels.flatten())
        return (loss, outputs) if return_outputs else loss


class Broken(bestiary.Trainer):
    """The second process has a loss that is no number, in the second update."""

    def compute_loss(self, *args: Any, **kwargs: Any) -> Any:
        loss = super().compute_loss(*args, **kwargs)
        return loss * (math.nan if (self.state.global_step, self.args.process_index) == (1, 1) else 1)


def own_sum(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """A loss of a user's that is divided by the labels of all batches."""
    logits = outputs.logits[:, :-1].flatten(0, 1)
    losses = torch.nn.functional.cross_entropy(logits, labels[:, 1:].flatten(), reduction="sum")
    return losses / (num_items_in_batch if num_items_in_batch is not None else (labels[:, 1:] != -100).sum())


def with_a_loss_that_is_no_number(folder: Path, logging_steps: int) -> dict[str, Any]:
    """Weights and log of four updates."""
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "causal", 0.0)
    args = bestiary.TrainingArguments(
        str(folder), max_steps=4, logging_steps=logging_steps, save_strategy="no", use_cpu=True, disable_tqdm=True
    )
    trainer = Broken(model_class(made), args, train_dataset=rows("causal", COUNT))
    trainer.train()
    weights = torch.cat([each.detach().flatten() for each in trainer.model.parameters()])
    return {"weights": weights.tolist(), "log": trainer.state.log_history[:-1]}


def trained(kind: str, folder: Path, size: int, accumulation: int = 1) -> dict[str, Any]:
    """Weights, log, predictions of a training with batches of `size` rows on each process."""
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "causal" if kind != "classifier" else kind, 0.0)
    data = rows("causal" if kind != "classifier" else kind, COUNT)
    options: dict[str, Any] = {"max_steps": 6} if kind == "stream" else {"num_train_epochs": 2, "eval_strategy": "epoch"}
    args = bestiary.TrainingArguments(
        str(folder),
        per_device_train_batch_size=size,
        per_device_eval_batch_size=size,
        gradient_accumulation_steps=accumulation,
        logging_steps=1,
        save_strategy="steps",
        save_steps=3,
        learning_rate=1e-2,
        optim="sgd",
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )
    trainer_class = OwnMean if kind == "mean" else bestiary.Trainer
    trainer = trainer_class(
        model_class(made),
        args,
        train_dataset=Stream() if kind == "stream" else data,
        eval_dataset=data[:5],
        compute_loss_func=own_sum if kind == "sum" else None,
    )
    trainer.train()
    prediction = trainer.predict(data[:5])
    weights = {name: value.tolist() for name, value in trainer.model.state_dict().items()}
    log = [[entry.get(name) for name in ("loss", "grad_norm", "eval_loss")] for entry in trainer.state.log_history]
    return {"weights": weights, "log": log, "predictions": prediction.predictions.tolist(), "steps": trainer.state.global_step}


KINDS = ("causal", "classifier", "mean", "sum", "stream")


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launcher, __file__, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


def _close(first: Any, second: Any, tolerance: float) -> None:
    np.testing.assert_allclose(np.array(first, dtype=float), np.array(second, dtype=float), atol=tolerance, rtol=0)


@pytest.mark.parametrize("kind", KINDS)
def test_two_processes_are_one_with_twice_the_batch(kind: str, two_processes: list[dict[str, Any]], tmp_path: Path) -> None:
    alone = trained(kind, tmp_path, 8)
    for each in two_processes:
        assert each[kind]["steps"] == alone["steps"]
        for name, value in alone["weights"].items():
            _close(each[kind]["weights"][name], value, 1e-6)
        # The loss of an evaluation is the mean of its batches' means, as published, which other batches make another one.
        columns = 3 if kind == "classifier" else 2
        _close(*([entry[:columns] for entry in run["log"]] for run in (each[kind], alone)), 1e-5)
        _close(each[kind]["predictions"], alone["predictions"], 1e-5)


@pytest.mark.parametrize("often", [1, 4])
def test_a_loss_of_another_process_that_is_no_number(often: int, two_processes: list[dict[str, Any]]) -> None:
    """The log says so at its step, once, and both processes leave the update out."""
    first, second = (each[f"broken {often}"] for each in two_processes)
    assert first["weights"] == second["weights"]
    assert np.isfinite(first["weights"]).all()
    assert [entry["step"] for entry in first["log"]] == ([1, 2, 3, 4] if often == 1 else [2, 4])
    for each in (first, second):
        assert [(entry["step"], math.isnan(entry["loss"])) for entry in each["log"] if entry.get("skipped")] == [(2, True)]
        assert all(math.isfinite(entry["loss"]) for entry in each["log"] if not entry.get("skipped"))


@pytest.mark.parametrize("kind", ["causal", "classifier", "mean", "sum"])
@pytest.mark.parametrize(("size", "accumulation"), [(4, 2), (2, 4), (1, 8)])
def test_any_split_into_batches_is_the_same(kind: str, size: int, accumulation: int, tmp_path: Path) -> None:
    """Rows with other numbers of labels, a last update of one row: weights and logged losses do not depend on the split."""
    whole, split = trained(kind, tmp_path / "whole", 8), trained(kind, tmp_path / "split", size, accumulation)
    for name, value in whole["weights"].items():
        _close(split["weights"][name], value, 1e-6)
    kept = [[entry for entry in each["log"] if entry[0] is not None] for each in (whole, split)]
    _close(kept[1], kept[0], 1e-5)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    results: dict[str, Any] = {kind: trained(kind, target / kind, 4) for kind in KINDS}
    results |= {f"broken {often}": with_a_loss_that_is_no_number(target, often) for often in (1, 4)}
    (target / f"{os.environ['RANK']}.json").write_text(json.dumps(results))
