"""Weights shared out over two processes (FSDP2 on gloo, started by torchrun): everything ends where one process ends."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.kit.training import config, plain_log, rows

import bestiary
from bestiary.core.logging import BestiaryWarning
from bestiary.training.sharding.weights import whole_of

ROOT = Path(__file__).parents[2]
# 17 rows in batches of 8 leave one row for two processes.
COUNT = 17
BATCH = 8

# name -> the kind of model, and the arguments of the trainer; in `config` fields of the model's.
RUNS: dict[str, tuple[str, dict[str, Any]]] = {
    "full": ("classifier", {"fsdp": "full_shard auto_wrap", "eval_strategy": "epoch", "max_grad_norm": 0.3}),
    "tied": (
        "causal",
        {
            "fsdp": "shard_grad_op",
            "fsdp_config": {"state_dict_type": "SHARDED_STATE_DICT"},
            "gradient_accumulation_steps": 2,
            "config": {"tie_word_embeddings": True},
        },
    ),
    "adafactor": ("causal", {"fsdp": True, "optim": "adafactor"}),
    "recomputed": ("seq2seq", {"fsdp": "hybrid_shard", "gradient_checkpointing": True, "eval_strategy": "epoch"}),
    "offloaded": ("causal", {"fsdp": "full_shard offload", "weight_decay": 0.1}),
    "by_size": (
        "classifier",
        {
            "fsdp": True,
            "fsdp_config": {"fsdp_min_num_params": 500, "activation_checkpointing": True, "forward_prefetch": "true"},
        },
    ),
    "together": ("vision", {"fsdp": ["full_shard"], "fsdp_config": {"auto_wrap_policy": "NO_WRAP"}, "optim": "sgd"}),
    "not_shared": ("causal", {"fsdp": "no_shard"}),
    "plain": (
        "plain",
        {
            "fsdp": True,
            "fsdp_config": {"transformer_layer_cls_to_wrap": "Linear"},
            "gradient_accumulation_steps": 2,
            "max_grad_norm": 0.3,
        },
    ),
    # Scalars, which every process holds whole, beside parts of the others.
    "plain_in_parts": (
        "plain",
        {
            "fsdp": True,
            "fsdp_config": {"transformer_layer_cls_to_wrap": "Linear", "state_dict_type": "SHARDED_STATE_DICT"},
            "max_grad_norm": 0.3,
        },
    ),
    "bf16": ("classifier", {"fsdp": "full_shard", "bf16": True}),
}


RESUMED = ("full", "tied", "offloaded", "adafactor", "plain", "plain_in_parts")
IN_PARTS = ("tied", "plain_in_parts")


class Plain(torch.nn.Module):
    """A model of a user's, with parameters of no dimension, as CLIP's; on one the loss of some rows depends alone."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = torch.nn.Linear(8, 12), torch.nn.Linear(12, 3)
        self.register_buffer("scale", torch.tensor(0.1))
        self.gain, self.shift = torch.nn.Parameter(torch.tensor(0.5)), torch.nn.Parameter(torch.tensor(0.1))

    def forward(self, input_ids: Any, labels: Any = None) -> Any:
        logits = self.last(torch.relu(self.first(input_ids * self.scale))) * self.gain.exp()
        ones = labels == 1
        if ones.any():
            logits = logits + ones[:, None] * self.shift * torch.arange(3)
        return torch.nn.functional.cross_entropy(logits, labels), logits


def model_of(kind: str, seed: int, **fields: Any) -> Any:
    bestiary.set_seed(seed)
    if kind == "plain":
        return Plain()
    model_class, made = config(bestiary, kind, 0.0)
    for name, value in fields.items():
        setattr(made, name, value)
    return model_class(made)


def trainer_of(name: str, folder: Path, size: int, seed: int = 0, **changes: Any) -> Any:
    """A trainer with batches of `size` rows on each process, which shares weights out if there are several."""
    kind, options = RUNS[name]
    options = {"max_steps": 6, "save_steps": 3, **options, **changes}
    fields = options.pop("config", {})
    if os.environ.get("WORLD_SIZE", "1") == "1":
        options = {key: value for key, value in options.items() if not key.startswith("fsdp")}
        size *= 2
    args = bestiary.TrainingArguments(
        str(folder),
        per_device_train_batch_size=size,
        per_device_eval_batch_size=size,
        logging_steps=1,
        learning_rate=1e-2,
        use_cpu=True,
        disable_tqdm=True,
        **options,
    )
    data = rows("classifier" if kind == "plain" else kind, COUNT)
    return bestiary.Trainer(model_of(kind, seed, **fields), args, train_dataset=data, eval_dataset=data[:5])


def result_of(trainer: Any) -> dict[str, Any]:
    prediction = trainer.predict(trainer.eval_dataset)
    outputs = prediction.predictions[0] if isinstance(prediction.predictions, tuple) else prediction.predictions
    weights = {name: value.tolist() for name, value in whole_of(trainer.model.state_dict()).items()}
    log = [[entry.get(name) for name in ("loss", "grad_norm")] for entry in trainer.state.log_history]
    return {"weights": weights, "log": log, "predictions": outputs.tolist()}


def main(folder: Path) -> None:
    """What each of two processes does."""
    results: dict[str, Any] = {}
    for name in RUNS:
        # Another seed in the second process: training begins with the weights of the first.
        trainer = trainer_of(name, folder / name, BATCH // 2, seed=int(os.environ["RANK"]))
        trainer.train()
        results[name] = result_of(trainer)
        trainer.save_model(str(folder / name / "saved"))
        if name in RESUMED:
            again = trainer_of(name, folder / "again", BATCH // 2, seed=5)
            again.train(resume_from_checkpoint=str(folder / name / "checkpoint-3"))
            assert_same_end(trainer, again)
            # The same trainer once more, whose weights are shared out already.
            again.train(resume_from_checkpoint=str(folder / name / "checkpoint-3"))
            assert_same_end(trainer, again)
    generating(folder, results)
    results["opened"] = opened_in_first(folder)
    (folder / f"{os.environ['RANK']}.json").write_text(json.dumps(results))


def opened_in_first(folder: Path) -> list[Any]:
    """What the second process holds of a model that the first opened, before and after weights are sent; and the end."""
    config = {"cpu_ram_efficient_loading": True}
    args = bestiary.TrainingArguments(
        str(folder / "opened"), fsdp=True, fsdp_config=config, max_steps=2, use_cpu=True, disable_tqdm=True
    )
    model = bestiary.LlamaForCausalLM.from_pretrained(folder / "tied" / "saved")
    is_meta = next(model.parameters()).is_meta
    trainer = bestiary.Trainer(model, args, train_dataset=rows("causal", COUNT))
    trainer.evaluate(rows("causal", 3))
    before = {name: value.tolist() for name, value in whole_of(trainer.model.state_dict()).items()}
    trainer.train()
    return [is_meta, before, float(whole_of(trainer.model.state_dict())["lm_head.weight"].sum())]


def assert_same_end(first: Any, second: Any) -> None:
    """Two trainers ended with the same weights, optimizer and log, bit for bit."""
    assert plain_log(first) == plain_log(second)
    for one, other in ((first.model, second.model), (first.optimizer, second.optimizer)):
        for each, value in zip(*(leaves(whole_of(state.state_dict())) for state in (one, other)), strict=True):
            same = torch.equal(each, value) if isinstance(each, torch.Tensor) else each == value
            assert same, (each, value)


def leaves(state: Any) -> list[Any]:
    # By name: parts of an optimizer's state are read in another order than they came up.
    parts = (
        [state[key] for key in sorted(state, key=str)]
        if isinstance(state, dict)
        else state
        if isinstance(state, list | tuple)
        else None
    )
    return [state] if parts is None else [leaf for each in parts for leaf in leaves(each)]


def generating(folder: Path, results: dict[str, Any]) -> None:
    """An evaluation whose texts end after another number of steps in each process."""
    options = {"fsdp": "full_shard", "predict_with_generate": True, "generation_max_length": 12}
    if os.environ.get("WORLD_SIZE", "1") == "1":
        del options["fsdp"]
    args = bestiary.Seq2SeqTrainingArguments(str(folder), use_cpu=True, disable_tqdm=True, **options)
    model = model_of("seq2seq", 0, eos_token_id=1)
    model.generation_config.pad_token_id, model.generation_config.eos_token_id = 0, 1
    trainer = bestiary.Seq2SeqTrainer(model, args)
    results["generated"] = trainer.predict(rows("seq2seq", 5)).predictions.tolist()


def _close(first: Any, second: Any, tolerance: float) -> None:
    np.testing.assert_allclose(np.array(first, dtype=float), np.array(second, dtype=float), atol=tolerance, rtol=0)


@pytest.fixture(scope="module")
def two_processes(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[dict[str, Any]]]:
    folder = tmp_path_factory.mktemp("two")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "src")]), "OMP_NUM_THREADS": "1"}
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    command = [*launcher, __file__, str(folder)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder, [json.loads((folder / f"{rank}.json").read_text()) for rank in (0, 1)]


@pytest.mark.parametrize("name", RUNS)
def test_two_processes_are_one(name: str, two_processes: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    folder, results = two_processes
    alone = trainer_of(name, tmp_path, BATCH // 2)
    alone.train()
    expected = result_of(alone)
    tolerance = 2e-2 if name == "bf16" else 1e-6
    for each in results:
        assert each[name]["weights"].keys() == expected["weights"].keys()
        for key, value in expected["weights"].items():
            _close(each[name]["weights"][key], value, tolerance)
        _close(each[name]["log"], expected["log"], 10 * tolerance)
        _close(each[name]["predictions"], expected["predictions"], 10 * tolerance)
    if RUNS[name][0] != "plain":
        saved = type(alone.model).from_pretrained(folder / name / "saved")
        assert saved.config.architectures == [type(alone.model).__name__]
        for key, value in saved.state_dict().items():
            assert torch.equal(value, torch.tensor(results[0][name]["weights"][key]))


@pytest.mark.filterwarnings("ignore:the loss does not depend on shift")  # it acts only on some rows
@pytest.mark.parametrize("name", RESUMED)
def test_one_process_goes_on_from_a_checkpoint_of_two(
    name: str, two_processes: tuple[Path, list[dict[str, Any]]], tmp_path: Path
) -> None:
    folder, results = two_processes
    has_parts = (folder / name / "checkpoint-3" / "optimizer_0").is_dir()
    assert has_parts == (name in IN_PARTS) != (folder / name / "checkpoint-3" / "optimizer.pt").is_file()
    alone = trainer_of(name, tmp_path, BATCH // 2, seed=3)
    with pytest.warns(BestiaryWarning, match="no rng_state.pth"):
        alone.train(resume_from_checkpoint=str(folder / name / "checkpoint-3"))
    for key, value in result_of(alone)["weights"].items():
        _close(results[0][name]["weights"][key], value, 1e-6)


def test_generated_evaluations(two_processes: tuple[Path, list[dict[str, Any]]], tmp_path: Path) -> None:
    expected: dict[str, Any] = {}
    generating(tmp_path, expected)
    for each in two_processes[1]:
        assert each["generated"] == expected["generated"]


def test_the_first_process_alone_opens_weights(two_processes: tuple[Path, list[dict[str, Any]]]) -> None:
    folder, results = two_processes
    assert [each["opened"][0] for each in results] == [False, True]
    saved = bestiary.LlamaForCausalLM.from_pretrained(folder / "tied" / "saved").state_dict()
    for each in results:
        assert each["opened"][1] == {name: value.tolist() for name, value in saved.items()}
    assert results[0]["opened"][2] == results[1]["opened"][2]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
