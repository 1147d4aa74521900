"""What a launcher says in the environment: `torchrun`, `accelerate launch`, MPI, SLURM."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

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
