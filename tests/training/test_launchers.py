"""What launchers say of processes, and `accelerator_config`."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from bestiary import TrainingArguments
from bestiary.core.errors import ArgumentError, MissingDependency
from bestiary.core.logging import BestiaryWarning
from bestiary.training.accelerator_config import AcceleratorConfig
from bestiary.training.launcher import adopt_launcher
from bestiary.training.processes import Processes, _state

NAMES = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
OF_ALL = "PMI_RANK OMPI_COMM_WORLD_RANK MV2_COMM_WORLD_RANK SLURM_PROCID".split()  # noqa: SIM905


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in (*NAMES, *OF_ALL):
        monkeypatch.setenv(name, "")  # so that it is put back
        monkeypatch.delenv(name)
    return monkeypatch


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ({"PMI_RANK": "1", "PMI_SIZE": "2"}, ["1", "2", "1", "2", "127.0.0.1", "29500"]),
        (
            {"PMI_RANK": "3", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2", "MASTER_ADDR": "a"},
            ["3", "4", "1", "2", "a", "29500"],
        ),
        (
            {"OMPI_COMM_WORLD_RANK": "0", "OMPI_COMM_WORLD_SIZE": "2", "OMPI_COMM_WORLD_LOCAL_RANK": "0"},
            ["0", "2", "0", "2", "127.0.0.1", "29500"],
        ),
        (
            {"MV2_COMM_WORLD_RANK": "1", "MV2_COMM_WORLD_SIZE": "2", "MV2_COMM_WORLD_LOCAL_RANK": "1", "MASTER_PORT": "7"},
            ["1", "2", "1", "2", "127.0.0.1", "7"],
        ),
        (
            {"SLURM_PROCID": "5", "SLURM_NTASKS": "8", "SLURM_LOCALID": "1", "SLURM_NTASKS_PER_NODE": "4"}
            | {"SLURM_STEP_ID": "0", "SLURM_NNODES": "2", "MASTER_ADDR": "b"},
            ["5", "8", "1", "4", "b", "29500"],
        ),
        ({"SLURM_PROCID": "0", "SLURM_NTASKS": "8"}, [None] * 6),  # a batch script itself
        ({"PMI_RANK": "0", "PMI_SIZE": "1"}, [None] * 6),
        ({"RANK": "0", "WORLD_SIZE": "2", "PMI_RANK": "1", "PMI_SIZE": "2"}, ["0", "2", None, None, None, None]),
    ],
)
def test_launchers(said: dict[str, str], found: list[str | None], launched: pytest.MonkeyPatch) -> None:
    for name, value in said.items():
        launched.setenv(name, value)
    adopt_launcher()
    assert [os.environ.get(name) for name in NAMES] == found


def test_several_machines_need_a_place_to_meet(launched: pytest.MonkeyPatch) -> None:
    for name, value in {"PMI_RANK": "1", "PMI_SIZE": "4", "MPI_LOCALRANKID": "1", "MPI_LOCALNRANKS": "2"}.items():
        launched.setenv(name, value)
    with pytest.raises(ArgumentError, match="set MASTER_ADDR"):
        adopt_launcher()


def test_backends_that_are_not_there_are_named_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match="expected one of nccl, gloo, mpi"):
        TrainingArguments(str(tmp_path), ddp_backend="glo")
    with pytest.raises(MissingDependency, match="oneccl_bindings_for_pytorch"):
        _ = TrainingArguments(str(tmp_path), use_cpu=True, ddp_backend="ccl").device
    if not torch.distributed.is_mpi_available():
        with pytest.raises(MissingDependency, match="torch that was built with it"):
            _ = TrainingArguments(str(tmp_path), use_cpu=True, ddp_backend="mpi").device


def test_processes_do_not_share_apples_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    class State:
        process_index, local_process_index, num_processes, device = 0, 0, 2, torch.device("mps")

    import accelerate

    monkeypatch.setattr(accelerate, "PartialState", lambda *args, **kwargs: State())
    with pytest.raises(ArgumentError, match="cannot share Apple's GPU"):
        _state.__wrapped__(False, None, 7)


@pytest.mark.parametrize(
    "given",
    [None, {"split_batches": True}, {"gradient_accumulation_kwargs": {"sync_each_batch": True}}, {"non_blocking": True}],
)
def test_accelerator_config_is_the_published_one(given: Any, tmp_path: Path) -> None:
    ours = TrainingArguments(str(tmp_path), use_cpu=True, accelerator_config=given)
    theirs = transformers.TrainingArguments(str(tmp_path), use_cpu=True, report_to="none", accelerator_config=given)
    assert ours.to_dict()["accelerator_config"] == theirs.to_dict()["accelerator_config"]
    (tmp_path / "config.json").write_text(json.dumps(given or {}))
    again = TrainingArguments(str(tmp_path), use_cpu=True, accelerator_config=str(tmp_path / "config.json"))
    assert again.accelerator_config == ours.accelerator_config == AcceleratorConfig.of(given)


def test_split_batches_are_those_of_all_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    four = Processes(0, 0, 4, torch.device("cpu"))
    monkeypatch.setattr(TrainingArguments, "processes", property(lambda self: four))
    args = TrainingArguments(str(tmp_path), accelerator_config={"split_batches": True}, per_device_train_batch_size=12)
    assert (args.train_batch_size, args.eval_batch_size) == (3, 2)
    with pytest.raises(ArgumentError, match="per_device_train_batch_size is 6, which 4 do not divide"):
        TrainingArguments(str(tmp_path), accelerator_config={"split_batches": True}, per_device_train_batch_size=6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"split_batch": True}, "Did you mean 'split_batches'"),
        (3, "accelerator_config is a int"),
        ("nowhere.json", "there is no such file"),
        (AcceleratorConfig, "pass an object of it"),
        ({"gradient_accumulation_kwargs": {"num_step": 2}}, "Did you mean 'num_steps'"),
        ({"gradient_accumulation_kwargs": {"sync_with_dataloader": True}}, "leave it out"),
        ({"gradient_accumulation_kwargs": {"num_steps": 3}}, "say one of them"),
    ],
)
def test_what_is_refused(given: Any, message: str, tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=message):
        TrainingArguments(str(tmp_path), use_cpu=True, accelerator_config=given, gradient_accumulation_steps=2)


@pytest.mark.parametrize("given", [{"even_batches": False}, {"dispatch_batches": True}, {"use_seedable_sampler": False}])
def test_what_has_no_effect_is_told(given: dict[str, Any], tmp_path: Path) -> None:
    with pytest.warns(BestiaryWarning, match="has no effect"):
        TrainingArguments(str(tmp_path), use_cpu=True, accelerator_config=given)


def test_steps_of_accumulation(tmp_path: Path) -> None:
    config = {"gradient_accumulation_kwargs": {"num_steps": 3}}
    assert TrainingArguments(str(tmp_path), use_cpu=True, accelerator_config=config).gradient_accumulation_steps == 3
