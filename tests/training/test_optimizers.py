"""Every optimizer that `optim` names: class and arguments beside the reference's, with stand-ins for their packages."""

import sys
from importlib import metadata
from typing import Any

import pytest
import torch
import transformers
from tests.kit.optimizer_packages import modules
from transformers import trainer_optimizer, trainer_pt_utils, trainer_utils, training_args

import bestiary
from bestiary.core.errors import ArgumentError, MissingDependency
from bestiary.core.logging import BestiaryWarning
from bestiary.training.adafactor import Adafactor
from bestiary.training.optimizers.kinds import KINDS
from bestiary.training.optimizers.layerwise import LayerWiseDummyOptimizer, LayerWiseDummyScheduler
from bestiary.training.optimizers.targets import check_target_module_exists, target_modules

NAMES = [each.value for each in training_args.OptimizerNames]
OF_DEVICES = ("adamw_torch_xla", "adamw_torch_npu_fused")
ADAM = {"adam_beta1": 0.8, "adam_beta2": 0.95, "adam_epsilon": 1e-6}
OWN = {
    "adamw_torch_4bit": "block_size=256,bf16_stochastic_round=True",
    "adamw_anyprecision": "use_kahan_summation=True,momentum_dtype=float16,variance_dtype=bfloat16",
    "ademamix": "alpha=3,beta3=0.7,t_alpha=11,t_beta3=12",
    "paged_ademamix_8bit": "beta3=0.5",
    "sgd": "momentum=0.9,nesterov=True",
    "rmsprop": "momentum=0.9,alpha=0.5,centered=True,eps=0.001",
    "adagrad": "lr_decay=0.1,eps=0.001",
    "galore_adamw": "rank=7,update_proj_gap=9,scale=0.5,proj_type=left",
    "galore_adamw_8bit_layerwise": "rank=3",
    "apollo_adamw": "rank=7,proj=svd,scale_type=tensor,update_proj_gap=9,scale=0.5,proj_type=left",
    "grokadamw": "alpha_init=0.5,lamb=1.5,gamma=0.2,grokking_signal_decay_rate=0.3,gradient_clipping=2",
    "schedule_free_adamw": "r=0.25,weight_lr_power=1.5",
    "stable_adamw": "decouple_lr=True,max_lr=0.5,kahan_sum=True",
}


class Part(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.norm = torch.nn.Embedding(3, 4), torch.nn.LayerNorm(4)
        self.q_proj, self.mlp = torch.nn.Linear(4, 4), torch.nn.Sequential(torch.nn.Linear(4, 4, bias=False))


@pytest.fixture
def packages(monkeypatch: pytest.MonkeyPatch) -> None:
    found = modules()
    for name, module in found.items():
        monkeypatch.setitem(sys.modules, name, module)
    places = [each for each in vars(trainer_optimizer) if each.startswith("is_") and each.endswith("_available")]
    for each in places:
        monkeypatch.setattr(trainer_optimizer, each, lambda *args, **kwargs: True)
    version = metadata.version
    monkeypatch.setattr(metadata, "version", lambda name: "1.0.0" if name == "torchao" else version(name))


def chosen(library: Any, name: str, model: Any, **given: Any) -> tuple[Any, dict[str, Any]]:
    low_rank = {"optim_target_modules": "all-linear"} if name.startswith(("galore", "apollo")) else {}
    args = library.TrainingArguments("unused", optim=name, use_cpu=True, report_to="none", **low_rank, **given)
    made, options = library.Trainer.get_optimizer_cls_and_kwargs(args, model)
    return made, dict(options)


def shown(value: Any) -> Any:
    """A value that can be compared: parameters by what they are, optimizers by what they were made with."""
    if isinstance(value, torch.Tensor | torch.nn.Module):
        return id(value)
    if isinstance(value, torch.optim.Optimizer):
        groups = [{name: shown(each) for name, each in group.items()} for group in value.param_groups]
        return type(value).__name__, groups, value.kept
    if isinstance(value, dict):
        return {shown(name): shown(each) for name, each in value.items()}
    return [shown(each) for each in value] if isinstance(value, list) else value


def test_the_names_are_the_published_ones() -> None:
    assert {each.name: each.value for each in bestiary.OptimizerNames} == {
        each.name: each.value for each in training_args.OptimizerNames
    }
    assert set(KINDS) == set(bestiary.OptimizerNames)


@pytest.mark.parametrize("name", [each for each in NAMES if each not in OF_DEVICES])
@pytest.mark.parametrize("further", [False, True])
def test_class_and_arguments_are_the_published_ones(name: str, further: bool, packages: None) -> None:
    model = Part()
    given: dict[str, Any] = {}
    if "schedule_free" in name:
        given = {"lr_scheduler_type": "constant"}
    if further:
        given |= {"learning_rate": 1e-3, "optim_args": OWN.get(name), "max_steps": 100, "warmup_steps": 7}
        # There the low-rank kinds leave these out, in silence.
        given |= {} if name.startswith(("galore", "apollo")) else {**ADAM, "weight_decay": 0.0 if "lomo" in name else 0.1}
    ours, options = chosen(bestiary, name, model, **given)
    if name == "galore_adafactor_layerwise":  # fails there: its optimizers are made without what `fixed` says
        assert all(each.kept["relative_step"] is False for each in options["optimizer_dict"].values())
        return
    theirs, expected = chosen(transformers, name, model, **given)
    if name == "adafactor":
        assert (ours, theirs) == (Adafactor, transformers.Adafactor)
    elif name.endswith("_layerwise"):
        assert issubclass(ours, LayerWiseDummyOptimizer)
    else:
        assert ours is theirs
    # Its texts are read there for some arguments and not for others.
    if name in ("adamw_torch_4bit",) and further:
        expected["block_size"] = int(expected["block_size"])
    assert shown(options) == shown(expected)


def test_what_is_said_of_adam_and_of_decay_counts_for_low_rank_kinds_too(packages: None) -> None:
    model = Part()
    _, options = chosen(bestiary, "galore_adamw", model, **ADAM, weight_decay=0.1)
    assert options["betas"] == (0.8, 0.95)
    assert options["eps"] == 1e-6
    decayed = {id(each) for group in options["params"] if group["weight_decay"] for each in group["params"]}
    assert decayed == {id(each) for each in (model.embedding.weight, model.q_proj.weight, model.mlp[0].weight)}
    model.q_proj.requires_grad_(False)
    _, options = chosen(bestiary, "galore_adamw", model)
    assert shown(options["params"][1]["params"]) == [id(model.mlp[0].weight)]


@pytest.mark.parametrize("name", [each for each in NAMES if ":" in KINDS[each].place and not each.startswith("adamw_torch")])
def test_a_package_that_is_missing_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    package = KINDS[name].module.partition(".")[0]
    if package in ("torch", "bestiary"):
        return
    for each in [each for each in sys.modules if each.partition(".")[0] == package]:
        monkeypatch.delitem(sys.modules, each)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingDependency, match=f"{name} needs the package '{package}'.*"):
        chosen(bestiary, name, Part(), lr_scheduler_type="constant")


@pytest.mark.parametrize("name", OF_DEVICES)
def test_kinds_of_other_devices(name: str) -> None:
    with pytest.raises(MissingDependency, match="elsewhere take optim='adamw_torch_fused'"):
        chosen(bestiary, name, Part())


@pytest.mark.parametrize("wanted", ["q_proj", r".*proj.*", r"mlp\.\d", "mlp", ["q_proj"], ["proj"], ["mlp.0", "norm"], ["q.*"]])
def test_targets_are_the_published_ones(wanted: Any) -> None:
    published = trainer_utils.check_target_module_exists
    for key in ("q_proj", "mlp", "mlp.0", "norm", "layer.q_proj"):
        assert check_target_module_exists(wanted, key) == bool(published(wanted, key))
        found, by_pattern = check_target_module_exists(wanted, key, return_is_regex=True)
        theirs = published(wanted, key, return_is_regex=True)
        assert (bool(found), bool(found and by_pattern)) == (bool(theirs[0]), bool(theirs[0] and theirs[1]))


def test_a_target_that_is_not_linear_is_told() -> None:
    with pytest.warns(BestiaryWarning, match="norm: no linear modules"):
        assert list(target_modules(Part(), ["mlp.0", "norm"])) == ["mlp.0"]


def test_odd_arguments(packages: None) -> None:
    for wanted, words in (("mlp", "names no linear module; there are q_proj, mlp.0"), ("(", "no regular expression")):
        with pytest.raises(ArgumentError, match=words):
            target_modules(Part(), wanted)
    with pytest.raises(ArgumentError, match="say which by optim_target_modules"):
        bestiary.TrainingArguments("unused", optim="galore_adamw")
    with pytest.raises(ArgumentError, match="optim_target_modules is 5"):
        bestiary.TrainingArguments("unused", optim_target_modules=5)
    for name, targets in (("galore_adamw_layerwise", "all-linear"), ("lomo", None)):
        for given in ({"gradient_accumulation_steps": 2}, {"fp16": True}, {"auto_find_batch_size": True}):
            with pytest.raises(ArgumentError, match=f"{name} uses each gradient as soon as it is there"):
                bestiary.TrainingArguments("unused", optim=name, optim_target_modules=targets, **given)
    with pytest.raises(ArgumentError, match="'momentun', which sgd does not take. Did you mean 'momentum'"):
        chosen(bestiary, "sgd", Part(), optim_args="momentun=0.9")
    with pytest.raises(ArgumentError, match="dtype 'int3'; expected one of float32"):
        chosen(bestiary, "adamw_anyprecision", Part(), optim_args="momentum_dtype=int3")
    with pytest.raises(ArgumentError, match="is made for a model"):
        chosen(bestiary, "lomo", None)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"optim": "adamw_hf"}, "adamw_torch computes the same"),
        ({"adafactor": True}, "adafactor is now called optim"),
        ({"optim": "schedule_free_sgd"}, "made for a steady rate, and the schedule is "),
        ({"optim": "lomo", "weight_decay": 0.1}, "leaves weight_decay out"),
        ({"optim": "sgd", "optim_target_modules": "all-linear"}, "sgd trains all weights alike"),
        ({"jit_mode_eval": True}, "jit_mode_eval=True has no effect"),
        ({"use_ipex": True}, "use_ipex=True has no effect"),
    ],
)
def test_what_is_doubtful_or_of_older_releases_is_told(given: dict[str, Any], words: str) -> None:
    with pytest.warns(BestiaryWarning, match=words):
        bestiary.TrainingArguments("unused", **given)


def test_older_names() -> None:
    with pytest.warns(BestiaryWarning):
        assert bestiary.TrainingArguments("unused", adafactor=True).optim == "adafactor"
    assert bestiary.TrainingArguments("unused", adafactor=False).optim == "adamw_torch_fused"


def test_a_schedule_sets_the_rates_of_all_layers() -> None:
    parameters = [torch.nn.Parameter(torch.ones(2)) for _ in range(3)]
    inner = {each: torch.optim.SGD([each], lr=0.5) for each in parameters}
    whole = LayerWiseDummyOptimizer(optimizer_dict=inner, lr=0.5)
    schedule = bestiary.get_scheduler("linear", whole, num_warmup_steps=0, num_training_steps=4)
    whole.step()
    schedule.step()
    assert [each.param_groups[0]["lr"] for each in inner.values()] == [0.375] * 3
    assert LayerWiseDummyScheduler(whole).get_last_lr() == [0.375] * 3
    published = trainer_pt_utils.LayerWiseDummyOptimizer(lr=0.5)
    assert LayerWiseDummyOptimizer(lr=0.5).defaults == published.defaults
