"""Trainings with optimizers that average weights, or that update them within the backward pass."""

import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from tests.kit.training import at_step, config, rows

import bestiary
from bestiary.core.errors import LoadError


class AveragedSGD(torch.optim.Optimizer):
    """Schedule-free SGD (Defazio et al. 2024, algorithm 1): z descends, x is its mean, training is at y between them."""

    def __init__(self, params: Any, lr: float, weight_decay: float = 0, warmup_steps: int = 0, r=0.0, weight_lr_power=2.0):
        super().__init__(params, {"lr": lr, "beta": 0.9, "count": 0, "train_mode": False})

    def _move(self, train: bool, weight: float) -> None:
        for group in self.param_groups:
            if group["train_mode"] is not train:
                for each in group["params"]:
                    if "z" in self.state[each]:
                        each.data.lerp_(self.state[each]["z"], weight)
                group["train_mode"] = train

    def train(self) -> None:
        self._move(True, 0.1)

    def eval(self) -> None:
        self._move(False, 1 - 1 / 0.9)

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:
        for group in self.param_groups:
            assert group["train_mode"], "trained at the average"
            group["count"] += 1
            for each in group["params"]:
                z = self.state[each].setdefault("z", each.clone())
                x = (each - 0.1 * z) / 0.9
                z.sub_(each.grad, alpha=group["lr"])
                x.lerp_(z, 1 / group["count"])
                each.copy_(0.1 * z + 0.9 * x)


class LowRankSGD(torch.optim.SGD):
    """Descends, whatever its groups say of projections; keeps an object in its state, as GaLore does."""

    def __init__(self, params: Any, lr: float, betas: Any = None, eps: Any = None) -> None:
        super().__init__(params, lr, momentum=0.9)

    def step(self, closure: Any = None) -> None:
        super().step()
        for group in self.param_groups:
            for each in group["params"] if "rank" in group else ():
                self.state[each].setdefault("projector", Projector()).count += 1


class Projector:
    count = 0


class Lomo(torch.optim.Optimizer):
    """Updates each weight as soon as the next one's gradient comes, as the package does."""

    def __init__(self, model: Any, lr: float, clip_grad_norm: Any = None) -> None:
        super().__init__(model.parameters(), {"lr": lr})
        self.parameters, self.clip_grad_norm, self.lr = list(model.parameters()), clip_grad_norm, lr
        self.grad_func = self._use
        for each in self.parameters:
            each.register_hook(self.grad_func)

    def _use(self, gradient: Any) -> Any:
        for each in self.parameters:
            if each.grad is not None:
                each.data.sub_(each.grad, alpha=self.lr)
                each.grad = None
        return gradient

    def fused_backward(self, loss: torch.Tensor, lr: float) -> None:
        self.lr = lr
        loss.backward()
        self.grad_func(0)


@pytest.fixture(autouse=True)
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, classes in {
        "schedulefree": {"SGDScheduleFree": AveragedSGD},
        "galore_torch": {"GaLoreAdamW": LowRankSGD},
        "lomo_optim": {"Lomo": Lomo},
    }.items():
        module = ModuleType(name)
        vars(module).update(classes)
        monkeypatch.setitem(sys.modules, name, module)
    for kind in (LowRankSGD, Projector):
        monkeypatch.setattr(kind, "__module__", "galore_torch")
        setattr(sys.modules["galore_torch"], kind.__name__, kind)


def trainer(folder: Path, name: str, *callbacks: Any, **given: Any) -> Any:
    bestiary.set_seed(0)
    model_class, made = config(bestiary, "classifier", 0.0)
    values: dict[str, Any] = {
        "num_train_epochs": 2,
        "logging_steps": 1,
        "save_steps": 2,
        "learning_rate": 1e-1,
        "use_cpu": True,
    }
    values |= {"disable_tqdm": True, "max_grad_norm": 0.0, "lr_scheduler_type": "constant", "optim": name}
    if name.startswith("galore"):
        values["optim_target_modules"] = "all-linear"
    args = bestiary.TrainingArguments(str(folder), per_device_train_batch_size=4, **values | given)
    data = rows("classifier", 12)
    return bestiary.Trainer(model_class(made), args, train_dataset=data, eval_dataset=data, callbacks=list(callbacks))


def weights(model: Any) -> torch.Tensor:
    return torch.cat([each.detach().flatten() for each in model.parameters()])


def losses(made: Any) -> list[float]:
    return [each["loss"] for each in made.state.log_history if "loss" in each]


@pytest.mark.parametrize("name", ["schedule_free_sgd", "galore_adamw", "galore_adamw_layerwise", "lomo"])
def test_going_on_is_the_same_as_never_stopping(name: str, tmp_path: Path) -> None:
    whole = trainer(tmp_path, name)
    before = weights(whole.model)
    whole.train()
    assert (weights(whole.model) - before).abs().max() > 1e-3
    resumed = trainer(tmp_path, name)
    resumed.train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
    assert torch.equal(weights(whole.model), weights(resumed.model))
    assert losses(whole) == losses(resumed)


def test_averages_are_evaluated_and_saved(tmp_path: Path) -> None:
    seen: list[torch.Tensor] = []

    def look() -> None:
        seen.append(weights(made.model))

    made = trainer(tmp_path, "schedule_free_sgd", at_step("on_prediction_step", 2, look), eval_strategy="steps", eval_steps=2)
    made.callback_handler.add_callback(at_step("on_step_end", 2, look))
    made.train()
    trained, *evaluated = seen
    assert not torch.equal(trained, evaluated[0])
    stored = load_file(tmp_path / "checkpoint-2" / "model.safetensors")
    opened = type(made.model).from_pretrained(tmp_path / "checkpoint-2")
    assert torch.equal(weights(opened), evaluated[0])
    assert set(stored)
    # x is the mean of all z, the start left out: known without the optimizer's help.
    for each in made.model.parameters():
        z = made.optimizer.state[each]["z"]
        assert not torch.equal(each, z)
    group = made.optimizer.param_groups[0]
    assert group["train_mode"] is False
    assert group["count"] == 6


def test_the_best_weights_are_those_that_were_evaluated(tmp_path: Path) -> None:
    same = {"eval_strategy": "steps", "eval_steps": 2, "load_best_model_at_end": True}
    made = trainer(tmp_path, "schedule_free_sgd", **same)
    made.train()
    assert made.evaluate()["eval_loss"] == pytest.approx(made.state.best_metric, abs=1e-6)


@pytest.mark.parametrize(("name", "plain"), [("galore_adamw_layerwise", "galore_adamw"), ("lomo", "sgd")])
def test_updates_within_the_backward_pass_are_those_after_it(name: str, plain: str, tmp_path: Path) -> None:
    within, after = trainer(tmp_path / "a", name), trainer(tmp_path / "b", plain)
    for each in (within, after):
        each.train()
    assert torch.allclose(weights(within.model), weights(after.model), atol=1e-6)
    norms = [[entry["grad_norm"] for entry in each.state.log_history if "grad_norm" in entry] for each in (within, after)]
    assert norms[0] == pytest.approx(norms[1], rel=1e-5)
    # A later training with another optimizer has all gradients for itself.
    later = bestiary.Trainer(within.model, after.args, train_dataset=after.train_dataset)
    other = bestiary.Trainer(after.model, after.args, train_dataset=after.train_dataset)
    for each in (later, other):
        each.train()
    assert torch.allclose(weights(within.model), weights(after.model), atol=1e-5)


@pytest.mark.parametrize("name", ["galore_adamw_layerwise", "lomo"])
def test_a_loss_that_is_no_number_updates_nothing(name: str, tmp_path: Path) -> None:
    made = trainer(tmp_path, name, max_steps=1)
    before = weights(made.model)
    made.compute_loss = lambda model, inputs, **kwargs: model(**inputs).loss * float("nan")
    with pytest.warns(bestiary.core.logging.BestiaryWarning, match="it is left out"):
        made.train()
    assert torch.equal(before, weights(made.model))


def test_clipping_that_cannot_be_is_told(tmp_path: Path) -> None:
    with pytest.warns(bestiary.core.logging.BestiaryWarning, match=r"none is shortened to max_grad_norm \(1.0\)"):
        trainer(tmp_path, "lomo", max_grad_norm=1.0, max_steps=1).train()


def test_a_state_with_objects_of_others_is_refused(tmp_path: Path) -> None:
    trainer(tmp_path, "galore_adamw").train()
    path = tmp_path / "checkpoint-2" / "optimizer.pt"
    state = torch.load(path)
    next(each for each in state["state"].values() if "projector" in each)["projector"]["__class__"] = "os:system"
    torch.save(state, path)
    (tmp_path / "checkpoint-2" / "digests.json").unlink()
    with pytest.raises(LoadError, match="none of its own classes"):
        trainer(tmp_path, "galore_adamw").train(resume_from_checkpoint=str(tmp_path / "checkpoint-2"))
