"""What a subclass of `Trainer` may replace: called at the published moments, with arguments that the published methods take."""

import inspect
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

import bestiary

# Published methods that are not here -> why.
NOT_THERE = {
    "_defer_fsdp_gradient_reduction": "gradients_kept does it",
    "_has_mixed_mesh_grads": "the norm of parameters that are shared out in several ways is computed in one function",
    "_mixed_mesh_grad_norm": "the same",
    "_prepare_context_parallel_inputs": "rows stay whole",
    "_sync_replicated_trainable_parameters": "weights that are not shared out are the same in all processes by construction",
    "_tune_save_checkpoint": "Ray Tune gets checkpoints from its backend",
    "_update_auto_batch_size": "a batch that does not fit is cut, and the batch size stays",
}
# Called there and not here, or more often, or elsewhere -> why.
OTHERWISE = {
    "_build_accelerator_args": "when accelerator is asked for first",
    "_prepare_input": "for each tensor; the published one descends in the same way",
    "_load_from_checkpoint": "of the best checkpoint too",
    "_load_rng_state": "before the next batches are taken, which may draw random numbers",
    "_move_model_to_device": "before an evaluation that is no part of a training too",
    "_wrap_model": "before the optimizer is made, which is of the weights that are shared out",
    "get_cp_size": "1", "get_sp_size": "1", "get_tp_size": "1",
    "is_local_process_zero": "a question", "is_world_process_zero": "a question", "num_examples": "a question",
    "_get_output_dir": "a question",
    "_load_callback_state": "with the rest of the checkpoint",
    "create_optimizer_and_scheduler": "makes both, as up to 4.x",
}  # fmt: skip


class Model(torch.nn.Module):
    main_input_name = "x"

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x: Any, labels: Any = None, num_items_in_batch: Any = None) -> Any:
        scores = self.layer(x)[:, 0]
        return ((scores - labels) ** 2).sum() / (len(labels) if num_items_in_batch is None else num_items_in_batch), scores


def methods(kind: Any) -> dict[str, Any]:
    """The methods of a class that get an instance."""
    kept = (staticmethod, property, cached_property)
    found = {name: inspect.getattr_static(kind, name) for name in dir(kind) if not name.startswith("__")}
    return {name: each for name, each in found.items() if callable(each) and not isinstance(each, kept)}


def recording(library: Any) -> tuple[Any, list[tuple[str, tuple[Any, ...], dict[str, Any]]]]:
    """A subclass that notes each call of a method, and hands it on; and the calls."""
    calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def noting(name: str) -> Any:
        def method(self: Any, *args: Any, **kwargs: Any) -> Any:
            calls.append((name, args, kwargs))
            return getattr(super(kind, self), name)(*args, **kwargs)

        return method

    kind: Any = type("Recording", (library.Trainer,), {})
    for name in methods(library.Trainer):
        setattr(kind, name, noting(name))
    return kind, calls


def run(library: Any, folder: Path) -> list[tuple[str, tuple[Any, ...], dict[str, Any]]]:
    """The calls of a training with evaluations and checkpoints, of one that goes on, and of a prediction."""
    kind, calls = recording(library)
    generator = torch.Generator().manual_seed(0)
    data = [{"x": torch.randn(2, generator=generator), "labels": torch.tensor(1.0)} for _ in range(8)]
    options = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "num_train_epochs": 1, "eval_steps": 1}
    options |= {"eval_strategy": "steps", "save_strategy": "steps", "save_steps": 1, "logging_steps": 1, "use_cpu": True}
    options |= {"report_to": "none", "disable_tqdm": True, "load_best_model_at_end": True}
    options |= {"include_num_input_tokens_seen": "all", "restore_callback_states_from_checkpoint": True}
    args = library.TrainingArguments(str(folder / library.__name__), **options)

    def trainer() -> Any:
        given = {"train_dataset": data, "eval_dataset": data[:4], "compute_metrics": lambda prediction: {"m": 0.0}}
        return kind(Model(), args, **given)

    first = trainer()
    first.train()
    second = trainer()
    second.train(resume_from_checkpoint=str(folder / library.__name__ / "checkpoint-1"))
    second.predict(data[:4])
    return calls


@pytest.mark.filterwarnings("ignore")
def test_methods_are_called_in_the_published_order(tmp_path: Path) -> None:
    ours, theirs = (run(library, tmp_path) for library in (bestiary, transformers))
    both = methods(bestiary.Trainer).keys() & methods(transformers.Trainer).keys() - OTHERWISE.keys()
    orders = [[name for name, _, _ in calls if name in both] for calls in (ours, theirs)]
    assert orders[0] == orders[1]
    assert len(set(orders[0])) > 40
    for name, args, kwargs in ours:  # an override of the published signature takes them
        if published := methods(transformers.Trainer).get(name):
            inspect.signature(published).bind(None, *args, **kwargs)


class Counting(bestiary.Trainer):
    """Batches, labels, gradients, columns and what is kept, each in the way of a subclass."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.told: list[Any] = []
        super().__init__(*args, **kwargs)

    def get_batch_samples(self, epoch_iterator: Any, num_batches: int, device: Any) -> Any:
        batches, items = super().get_batch_samples(epoch_iterator, num_batches, device)
        return batches[:1], items * 5

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        self.told.append(int(num_items_in_batch))
        return super().training_step(model, inputs, num_items_in_batch)

    def _clip_grad_norm(self, model: Any) -> Any:
        return super()._clip_grad_norm(model) * 0 + 7.0

    def set_initial_training_values(self, args: Any, dataloader: Any) -> Any:
        return (*super().set_initial_training_values(args, dataloader)[:-1], 1)

    def _save_rng_state(self, output_dir: str) -> None:
        (Path(output_dir) / "own").write_text("x")

    def _load_rng_state(self, checkpoint: Any) -> None:
        self.told.append(Path(checkpoint).name)

    def _issue_warnings_after_load(self, load_result: Any) -> None:
        self.told.append(load_result.missing_keys)

    def _inner_training_loop(self, *args: Any, **kwargs: Any) -> Any:
        return super()._inner_training_loop(*args, **kwargs).global_step


def test_what_a_subclass_returns_counts(tmp_path: Path) -> None:
    options: Any = {"per_device_train_batch_size": 2, "gradient_accumulation_steps": 2, "use_cpu": True, "logging_steps": 1}
    options |= {"report_to": "none", "disable_tqdm": True, "save_strategy": "steps", "save_steps": 1}
    data = [{"x": torch.ones(2), "labels": torch.tensor(1.0)} for _ in range(8)]
    trainer = Counting(Model(), bestiary.TrainingArguments(str(tmp_path), **options), train_dataset=data)
    assert trainer.train() == 1
    assert trainer.told == [20]
    assert trainer.state.log_history[0]["grad_norm"] == 7.0
    folder = tmp_path / "checkpoint-1"
    assert (folder / "own").read_text() == "x"
    assert not list(folder.glob("rng_state*"))
    trainer.set_initial_training_values = lambda args, loader: bestiary.Trainer.set_initial_training_values(
        trainer, args, loader
    )  # type: ignore[method-assign]
    assert trainer.train(resume_from_checkpoint=str(folder)) == 6
    assert trainer.told[1:3] == [[], "checkpoint-1"]


def test_values_of_a_training(tmp_path: Path) -> None:
    class Rows(torch.utils.data.IterableDataset[Any]):
        def __iter__(self) -> Any:
            return iter([{"x": torch.zeros(2)}] * 5)

    rows = [{"x": torch.zeros(2), "labels": torch.tensor([1, -100, 3])}] * 9
    cases = [{}, {"max_steps": 5}, {"gradient_accumulation_steps": 2, "max_steps": 7}, {"num_train_epochs": 1.5}]
    for case in cases:
        for data in (rows, *([Rows()] if "max_steps" in case else [])):
            found = []
            for library in (bestiary, transformers):
                args = library.TrainingArguments(str(tmp_path), use_cpu=True, per_device_train_batch_size=2, **case)
                trainer = library.Trainer(Model(), args, train_dataset=data)
                loader = trainer.get_train_dataloader()
                values = trainer.set_initial_training_values(args, loader), trainer.get_total_train_batch_size(args)
                trainer.model_accepts_loss_kwargs, told = True, []
                if data is rows:
                    batches, items = trainer.get_batch_samples(iter(loader), 2, "cpu")
                    told = [len(batches), items]
                sizes = (trainer._train_batch_size, trainer.get_tp_size(), trainer.get_cp_size(), trainer.get_sp_size())
                trainer.state.init_training_references(trainer, 10, 3, None)
                found.append((values, told, sizes, trainer.state.max_steps, trainer.state.num_train_epochs))
            assert found[0] == found[1]


def test_every_published_method_is_here_or_listed() -> None:
    absent = {name for name in methods(transformers.Trainer) if not hasattr(bestiary.Trainer, name)}
    assert absent == NOT_THERE.keys()
    assert methods(transformers.Trainer).keys() >= OTHERWISE.keys()


class Phased(bestiary.Trainer):
    """Something around each phase of a training."""

    told: list[Any]

    def _init_training_state(self, *args: Any, **kwargs: Any) -> Any:
        self.told = ["state", *super()._init_training_state(*args, **kwargs)]
        return 0, 2  # leave the first two batches out

    def _prepare_for_training(self, max_steps: int, train_dataloader: Any, resume_from_checkpoint: Any) -> Any:
        model, loader = super()._prepare_for_training(max_steps, train_dataloader, resume_from_checkpoint)
        self.told += ["prepared", max_steps, loader is train_dataloader, type(self.optimizer).__name__]
        return model, loader

    def _run_epoch(self, **kwargs: Any) -> None:
        self.told += ["epoch", kwargs["epoch"], kwargs["steps_in_epoch"], kwargs["steps_trained_in_current_epoch"]]
        super()._run_epoch(**kwargs)

    def _finalize_training(self, trial: Any, num_train_samples: int, start_time: float) -> Any:
        self.told += ["end", num_train_samples]
        return super()._finalize_training(trial, num_train_samples, start_time)._replace(training_loss=5.0)


def test_phases_of_a_subclass(tmp_path: Path) -> None:
    options: Any = {"per_device_train_batch_size": 2, "use_cpu": True, "report_to": "none", "disable_tqdm": True}
    args = bestiary.TrainingArguments(str(tmp_path), num_train_epochs=2, save_strategy="no", **options)
    data = [{"x": torch.ones(2), "labels": torch.tensor(1.0)} for _ in range(8)]
    trainer = Phased(Model(), args, train_dataset=data)
    assert trainer.train().training_loss == 5.0
    state, prepared = ["state", 0, 0], ["prepared", 8, True, "AdamW"]
    assert trainer.told == [*state, *prepared, "epoch", 0, 4, 2, "epoch", 1, 4, 2, "end", 16]
    assert trainer.state.global_step == 6
