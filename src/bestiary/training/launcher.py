"""What a launcher says in the environment: `torchrun`, `accelerate launch`, MPI, SLURM."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from ..core.errors import ArgumentError

# Variables of `accelerate launch` -> keys of fsdp_config.
_FSDP = {
    "FSDP_ACTIVATION_CHECKPOINTING": "activation_checkpointing",
    "FSDP_AUTO_WRAP_POLICY": "auto_wrap_policy",
    "FSDP_BACKWARD_PREFETCH": "backward_prefetch",
    "FSDP_CPU_RAM_EFFICIENT_LOADING": "cpu_ram_efficient_loading",
    "FSDP_FORWARD_PREFETCH": "forward_prefetch",
    "FSDP_MIN_NUM_PARAMS": "min_num_params",
    "FSDP_OFFLOAD_PARAMS": "cpu_offload",
    "FSDP_RESHARD_AFTER_FORWARD": "reshard_after_forward",
    "FSDP_SHARDING_STRATEGY": "sharding_strategy",
    "FSDP_STATE_DICT_TYPE": "state_dict_type",
    "FSDP_SYNC_MODULE_STATES": "sync_module_states",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "transformer_layer_cls_to_wrap",
    "FSDP_USE_ORIG_PARAMS": "use_orig_params",
    "FSDP_VERSION": "version",
}


def is_yes(text: str | None) -> bool:
    """Whether a variable's text says yes."""
    return (text or "").lower() in ("1", "true", "yes", "on")


def fsdp_of_launcher() -> dict[str, str] | None:
    """The `fsdp_config` that `accelerate launch` was asked for; None where it was asked for none."""
    if not is_yes(os.environ.get("ACCELERATE_USE_FSDP")):
        return None
    said = {key: os.environ.get(name) or "" for name, key in _FSDP.items()}
    return {key: value for key, value in said.items() if value and value.lower() != "none"}


def precision_of_launcher() -> str | None:
    """The 16-bit type that `accelerate launch` was asked for: bf16, fp16 or None."""
    said = os.environ.get("ACCELERATE_MIXED_PRECISION", "no").lower()
    return said if said in ("bf16", "fp16") else None


def processes_of_machine(count: int) -> int:
    """How many of all processes run on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE") or count)


@contextmanager
def saying_nothing_new() -> Iterator[None]:
    """A context after which accelerate's plugins have set nothing that later trainings would take for a launcher's word."""
    before = {name: os.environ.get(name) for name in ("ACCELERATE_USE_FSDP", "FSDP_CPU_RAM_EFFICIENT_LOADING")}
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


# Of each kind of launcher: number among all, how many, number on the machine, how many there.
_RANKS = (
    ("PMI_RANK", "PMI_SIZE", "MPI_LOCALRANKID", "MPI_LOCALNRANKS"),
    ("OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK", "OMPI_COMM_WORLD_LOCAL_SIZE"),
    ("MV2_COMM_WORLD_RANK", "MV2_COMM_WORLD_SIZE", "MV2_COMM_WORLD_LOCAL_RANK", "MV2_COMM_WORLD_LOCAL_SIZE"),
    ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NTASKS_PER_NODE"),
)


def adopt_launcher() -> None:
    """Say in the names of `torchrun` what MPI or SLURM (`srun`) said in theirs, where `torchrun` says nothing.

    Raises:
        ArgumentError: the processes are on several machines, and nothing says where the first is.
    """
    if os.environ.get("RANK") is not None:
        return
    for names in _RANKS:
        index, count, local, at_once = (os.environ.get(name) for name in names)
        if index is None or count is None or int(count) < 2:
            continue
        if names[0] == "SLURM_PROCID" and os.environ.get("SLURM_STEP_ID") is None:
            continue  # a batch script itself, which runs once
        machines = int(os.environ.get("SLURM_NNODES") or 1) if names[0] == "SLURM_PROCID" else 1
        several = machines > 1 or (at_once is not None and at_once.isdigit() and int(at_once) < int(count))
        if several and os.environ.get("MASTER_ADDR") is None:
            raise ArgumentError(
                f"{count} processes were started on several machines, and nothing says where the first is; set MASTER_ADDR to"
                " its name in all of them"
            )
        os.environ["RANK"], os.environ["WORLD_SIZE"] = index, count
        os.environ["LOCAL_RANK"] = local or ("0" if several else index)
        os.environ["LOCAL_WORLD_SIZE"] = at_once if at_once is not None and at_once.isdigit() else "1" if several else count
        os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
        os.environ.setdefault("MASTER_PORT", "29500")
        return


def asks_for_deepspeed() -> bool:
    """Whether `accelerate launch` was asked for DeepSpeed."""
    return is_yes(os.environ.get("ACCELERATE_USE_DEEPSPEED"))
