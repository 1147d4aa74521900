"""A search by Optuna against the published library's: the same trials, objectives, prunings, and best runs."""

from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
import transformers
from tests.kit.training import config, rows

import bestiary

DATA = rows("classifier")


def space(trial: Any) -> dict[str, Any]:
    return {
        "learning_rate": trial.suggest_float("learning_rate", 1e-5, 1e-1, log=True),
        "per_device_train_batch_size": trial.suggest_categorical("per_device_train_batch_size", [4, 8]),
        "num_train_epochs": trial.suggest_int("num_train_epochs", 1, 3),
        "weight_decay": trial.suggest_float("weight_decay", 0.0, 0.3),
    }


class Recorder:
    """What a callback of either library is told."""

    def __init__(self, library: Any) -> None:
        self.seen: list[Any] = []

        def note(event: str) -> Any:
            def called(callback: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
                told = (state.is_hyper_param_search, state.trial_name, state.trial_params, state.global_step)
                self.seen.append((event, *told, args.learning_rate, args.seed))

            return called

        events = ("on_train_begin", "on_evaluate", "on_save", "on_train_end")
        self.callback = type("Noter", (library.TrainerCallback,), {event: note(event) for event in events})


def searched(library: Any, folder: Path, weights: Path, options: dict[str, Any], **search: Any) -> tuple[Any, Any, Any]:
    model_class, made = config(library, "classifier", 0.0)
    folder.mkdir()
    recorder = Recorder(library)
    args = library.TrainingArguments(
        output_dir=str(folder), use_cpu=True, disable_tqdm=True, report_to="none", **{"save_strategy": "no", **options}
    )

    def metrics(prediction: Any) -> dict[str, float]:
        return {"accuracy": float((prediction.predictions.argmax(-1) == prediction.label_ids).mean())}

    trainer = library.Trainer(
        model_init=lambda: model_class.from_pretrained(weights, config=made),
        args=args,
        train_dataset=DATA,
        eval_dataset=DATA[:10],
        compute_metrics=metrics,
        callbacks=[recorder.callback],
    )
    storage = optuna.storages.InMemoryStorage()
    best = trainer.hyperparameter_search(
        space,
        backend="optuna",
        storage=storage,
        study_name="each",
        sampler=optuna.samplers.TPESampler(seed=0, n_startup_trials=3),
        **search,
    )
    study = optuna.load_study(study_name="each", storage=storage)
    return best, study, recorder.seen


def loss(metrics: dict[str, float]) -> float:
    return metrics["eval_loss"]


CASES: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "loss": ({}, {"n_trials": 7, "compute_objective": loss}),
    "metrics": ({"eval_strategy": "epoch"}, {"n_trials": 3, "direction": "maximize"}),
    "pruned": (
        {"eval_strategy": "steps", "eval_steps": 2},
        {"n_trials": 6, "compute_objective": loss, "pruner": optuna.pruners.MedianPruner(n_startup_trials=2)},
    ),
    "several": (
        {"eval_strategy": "epoch"},
        {
            "n_trials": 4,
            "direction": ["minimize", "maximize"],
            "compute_objective": lambda metrics: (metrics["eval_loss"], metrics["eval_accuracy"]),
        },
    ),
    "folders": ({"eval_strategy": "epoch", "save_strategy": "epoch"}, {"n_trials": 2, "hp_name": lambda t: f"own-{t.number}"}),
}


@pytest.mark.parametrize("case", CASES)
@pytest.mark.filterwarnings("ignore")
def test_a_search_by_optuna(case: str, tmp_path: Path) -> None:
    torch.manual_seed(3)
    model_class, made = config(transformers, "classifier", 0.0)
    model_class(made).save_pretrained(tmp_path / "weights")
    results = []
    for library in (bestiary, transformers):
        folder = tmp_path / library.__name__
        results.append((*searched(library, folder, tmp_path / "weights", *CASES[case][:1], **CASES[case][1]), folder))
    (ours, our_study, our_events, our_folder), (theirs, their_study, their_events, their_folder) = results
    for mine, reference in zip(our_study.trials, their_study.trials, strict=True):
        assert mine.params == reference.params
        assert mine.state == reference.state
        assert mine.distributions == reference.distributions
        assert mine.values == pytest.approx(reference.values, abs=1e-5)
        assert mine.intermediate_values == pytest.approx(reference.intermediate_values, abs=1e-5)
    assert our_events == their_events
    if case == "pruned":
        assert {trial.state.name for trial in our_study.trials} == {"COMPLETE", "PRUNED"}
    runs = [each if isinstance(each, list) else [each] for each in (ours, theirs)]
    assert len(runs[0]) == len(runs[1])
    for mine, reference in zip(*runs, strict=True):
        assert mine.run_id == reference.run_id
        assert mine.objective == pytest.approx(reference.objective, abs=1e-5)
        assert mine.hyperparameters == reference.hyperparameters
        assert type(mine)._fields == type(reference)._fields
    checkpoints = [{str(path.relative_to(each)) for path in each.glob("*/checkpoint-*")} for each in (our_folder, their_folder)]
    assert checkpoints[0] == checkpoints[1]
    assert bool(checkpoints[0]) == (case == "folders")


@pytest.mark.filterwarnings("ignore")
def test_a_seed_counts_in_its_own_trial(tmp_path: Path) -> None:
    """A trial is the training of its arguments. In the published search (5.23) rows come in the order of the trial before."""
    torch.manual_seed(3)
    model_class, made = config(bestiary, "classifier", 0.0)
    model_class(made).save_pretrained(tmp_path)

    def trainer(seed: int) -> bestiary.Trainer:
        args = bestiary.TrainingArguments(
            str(tmp_path / "out"), seed=seed, num_train_epochs=1, save_strategy="no", use_cpu=True, disable_tqdm=True
        )
        init = lambda: model_class.from_pretrained(tmp_path, config=made)  # noqa: E731
        return bestiary.Trainer(model_init=init, args=args, train_dataset=DATA, eval_dataset=DATA[:10])

    reached: list[float] = []
    trainer(42).hyperparameter_search(
        lambda trial: {"seed": 7 + trial.number}, lambda metrics: reached.append(loss(metrics)) or reached[-1], n_trials=2
    )
    for seed, value in zip((7, 8), reached, strict=True):
        alone = trainer(seed)
        alone.train()
        assert alone.evaluate()["eval_loss"] == value
    assert reached[0] != reached[1]


@pytest.mark.filterwarnings("ignore")
def test_default_spaces() -> None:
    from bestiary.training.search import default_spaces

    trials = [optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).ask() for _ in range(2)]
    made = default_spaces.default_hp_space_optuna(trials[0])
    assert made == transformers.trainer_utils.default_hp_space_optuna(trials[1])
    assert trials[0].distributions == trials[1].distributions
    assert [each.value for each in transformers.trainer_utils.HPSearchBackend] == ["optuna", "ray", "wandb"]
