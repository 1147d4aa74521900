"""Markers of other people's tests under published names: each skips a test, or a class of tests, where something is not there.

`require_NAME` needs what `is_NAME_available` asks for; the tables below hold the rest.
"""

import unittest
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

from ..placement.free_memory import total_memory
from . import helpers
from .testing import parse_flag_from_env, torch_device

Marker = Callable[[Any], Any]

# Name of a marker -> the names of `is_NAME_available` that it needs, where it is none of these itself.
_ALL_OF = {
    "all_flash_attn": ("flash_attn_2", "flash_attn_3", "flash_attn_4"),
    "flash_attn": ("flash_attn_2",),
    "flex_attention": ("torch_flex_attn",),
    "flute_hadamard": ("flute", "hadamard"),
    "fp_quant": ("fp_quant", "qutlass"),
    "nltk": ("nltk",),
    "torchvision_video_decoding": ("torchvision", "av"),
}
# Markers that may be told the least version, and that without one.
_LEAST = {"accelerate": "1.1.0", "fsdp": "1.12.0", "gguf": "0.10.0", "mistral_common": "1.11.5"}
# Name of a marker of a version -> the distribution.
_VERSIONS = {
    **{f"{name}_greater_or_equal": name for name in ("huggingface_hub", "peft", "torch", "torchcodec")},
    "torchao_version_greater_or_equal": "torchao",
}
# Devices that nothing here uses.
_NEVER = (
    *(f"torch_{name}" for name in ("multi_hpu", "multi_npu", "multi_xpu", "neuroncore", "npu", "tensorrt_fx", "tpu")),
    *("fp8", "sudachi_projection"),
)
_ALWAYS = ("non_hpu", "non_xpu")
# Name of a marker of a kind of tests -> the environment variable that asks for them, and whether they run without it.
_KINDS = {
    "tooslow": (None, False),
    "custom_tokenizers": ("RUN_CUSTOM_TOKENIZERS", False),
    "is_agent_test": ("RUN_AGENT_TESTS", False),
    "is_expert_parallel_test": ("RUN_EXPERT_PARALLEL_TESTS", True),
    "is_fsdp_test": ("RUN_FSDP_TESTS", True),
    "is_pipeline_test": ("RUN_PIPELINE_TESTS", True),
    "is_staging_test": ("HUGGINGFACE_CO_STAGING", False),
    "is_tensor_parallel_test": ("RUN_TENSOR_PARALLEL_TESTS", True),
    "is_training_test": ("RUN_TRAINING_TESTS", True),
}


def __getattr__(name: str) -> Marker:
    kind = name.removeprefix("require_")
    if name in _KINDS:
        return partial(_of_kind, name)
    if not name.startswith("require_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    if kind in _VERSIONS:
        return partial(_needs_version, _VERSIONS[kind])
    if kind in _LEAST:
        return partial(_needs_least, kind)
    if kind in _NEVER or kind in _ALWAYS:
        return partial(_when, kind in _ALWAYS, kind)
    needed = _ALL_OF.get(kind, (kind,))
    questions = [getattr(helpers, f"is_{each}_available") for each in needed]  # AttributeError where there is none
    return partial(_when_all, questions, kind)


def __dir__() -> list[str]:
    kinds = [*_ALL_OF, *_LEAST, *_VERSIONS, *_NEVER, *_ALWAYS]
    kinds += [name[3:-10] for name in dir(helpers) if name.startswith("is_") and name.endswith("_available")]
    here = [name for name in globals() if name.startswith("require_")]
    return sorted({*here, *_KINDS, *(f"require_{kind}" for kind in kinds)})


def _when(holds: bool, what: str, test_case: Any) -> Any:
    return unittest.skipUnless(holds, f"test requires {what}")(test_case)


def _when_all(questions: list[Callable[[], bool]], what: str, test_case: Any) -> Any:
    return _when(all(ask() for ask in questions), what, test_case)


def _needs_least(name: str, test_case: Any, min_version: str | None = None) -> Any:
    least = _LEAST[name] if min_version is None else min_version
    return _when(getattr(helpers, f"is_{name}_available")(least), f"{name} {least}", test_case)


def _needs_version(distribution: str, version: str) -> Marker:
    return partial(_when, helpers._at_least(distribution, version), f"{distribution} {version}")


def _of_kind(name: str, test_case: Any) -> Any:
    variable, default = _KINDS[name]
    runs = variable is not None and parse_flag_from_env(variable, default)
    if runs and name.startswith("is_") and find_spec("pytest") is not None:
        import pytest

        return getattr(pytest.mark, name)()(test_case)
    return unittest.skipUnless(runs, f"{variable} does not ask for it" if variable else "test is too slow")(test_case)


def _accelerators() -> int:
    return torch.accelerator.device_count() if torch_device != "cpu" else 0


def require_torch_n_accelerators(n: int) -> Marker:
    """Skip a test where fewer than `n` accelerators are there."""
    return partial(_when, _accelerators() >= n, f"{n} accelerators")


def require_torch_multi_accelerator(test_case: Any) -> Any:
    """Skip a test where fewer than two accelerators are there."""
    return _when(_accelerators() > 1, "several accelerators", test_case)


def require_torch_non_multi_accelerator(test_case: Any) -> Any:
    """Skip a test where two accelerators or more are there."""
    return _when(_accelerators() < 2, "at most one accelerator", test_case)


def require_torch_up_to_2_accelerators(test_case: Any) -> Any:
    """Skip a test where three accelerators or more are there."""
    return _when(_accelerators() < 3, "at most two accelerators", test_case)


def require_torch_mps(test_case: Any) -> Any:
    """Skip a test where torch does not see Apple's GPU."""
    return _when(torch.backends.mps.is_available(), "Apple's GPU", test_case)


def require_torch_xpu(test_case: Any) -> Any:
    """Skip a test where torch does not see an Intel GPU."""
    return _when(torch.xpu.is_available(), "an Intel GPU", test_case)


def require_rocm(test_case: Any) -> Any:
    """Skip a test where torch was not built for ROCm, or sees no device."""
    return _when(torch.version.hip is not None and torch.cuda.is_available(), "ROCm", test_case)


def require_torch_bf16(test_case: Any) -> Any:
    """Skip a test where the device does not compute in bfloat16."""
    return _when(helpers.is_torch_bf16_available_on_device(torch_device), "a device with bf16", test_case)


def require_torch_fp16(test_case: Any) -> Any:
    """Skip a test where the device does not compute in float16."""
    return _when(helpers.is_torch_fp16_available_on_device(torch_device), "a device with fp16", test_case)


def require_torch_tf32(test_case: Any) -> Any:
    """Skip a test where no device computes in TF32."""
    return _when(helpers.is_torch_tf32_available(), "a device with TF32", test_case)


def require_cuda_capability_at_least(major: int, minor: int) -> Marker:
    """Skip a test on a CUDA device of a lower compute capability."""
    holds = torch_device != "cuda" or torch.cuda.get_device_capability() >= (major, minor)
    return partial(_when, holds, f"compute capability {major}.{minor}")


def _needs_memory(available: Callable[[], float], test_case: Any, memory: float) -> Any:
    if test_case is None:
        return partial(_needs_memory, available, memory=memory)
    return _when(available() >= memory, f"{memory} GiB of memory", test_case)


def _memory_of_device() -> float:
    return torch.cuda.get_device_properties(0).total_memory / 2**30 if torch.cuda.is_available() else float("-inf")


def _memory_of_devices() -> float:
    return sum(torch.cuda.get_device_properties(index).total_memory / 2**30 for index in range(torch.cuda.device_count()))


def _memory_of_machine() -> float:
    return total_memory(torch.device("cpu")) / 2**30


def require_torch_large_accelerator(test_case: Any = None, *, memory: float = 20) -> Any:
    """Skip a test where the accelerator has less than so many GiB."""
    return _needs_memory(_memory_of_device, test_case, memory)


def require_torch_large_gpu(test_case: Any, memory: float = 20) -> Any:
    """Skip a test where the GPU has less than so many GiB."""
    return _needs_memory(_memory_of_device, test_case, memory)


def require_torch_accelerator_memory(test_case: Any = None, *, memory: float) -> Any:
    """Skip a test where all accelerators together have less than so many GiB."""
    return _needs_memory(_memory_of_devices, test_case, memory)


def require_large_cpu_ram(test_case: Any = None, *, memory: float = 80) -> Any:
    """Skip a test where the machine has less than so many GiB."""
    return _needs_memory(_memory_of_machine, test_case, memory)


def require_triton(min_version: str = "1.0.0") -> Marker:
    """Skip a test where triton is not there in this version."""
    return partial(_when, helpers._at_least("triton", min_version), f"triton {min_version}")


def require_usr_bin_time(test_case: Any) -> Any:
    """Skip a test where there is no /usr/bin/time."""
    return _when(Path("/usr/bin/time").exists(), "/usr/bin/time", test_case)


def run_first(test_case: Any) -> Any:
    """Let pytest-order, where it is installed, run a test before others."""
    import pytest

    return pytest.mark.order(1)(test_case) if find_spec("pytest_order") is not None else test_case
