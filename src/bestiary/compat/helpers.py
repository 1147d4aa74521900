"""Small functions that scripts and libraries import to find out what is installed, under their published names."""

import os
import shutil
from collections.abc import Callable
from functools import partial
from importlib import metadata
from importlib.util import find_spec
from typing import Any

from ..core.errors import MissingDependency
from ..core.optional import DISTRIBUTION_OF, available
from ..hub.files import PUBLISHED as VERSION
from ..hub.options import HubOptions, offline
from ..training.callbacks.notebook import in_notebook

# The message of libraries where something of theirs, which is filled in, needs a package.
NLTK_IMPORT_ERROR = "{0} needs the package nltk: pip install nltk"
# `is_NAME_available` asks for the package NAME, or for those listed below.
_SAME_NAME = """
apollo_torch deepspeed executorch fouroversix nncf onnxscript openvino qutlass sinq
av g2p_en libcst mamba_ssm mambapy mistral_common num2words py3nvml pynvml pytest_order pytorch_quantization quark
accelerate apex aqlm auto_round bitsandbytes bs4 causal_conv1d coloredlogs compressed_tensors cv2 datasets decord detectron2
diffusers essentia faiss fastapi fbgemm_gpu fp_quant galore_torch gguf gptqmodel grokadamw hqq jumanpp kenlm kernels librosa
liger_kernel lomo_optim matplotlib mlx multipart nagisa natten nltk numba onnx onnxruntime openai optimum optuna pandas peft
phonemizer pretty_midi psutil pyctcdecode pydantic pygments pytesseract pytest ray rich rjieba sacremoses safetensors
schedulefree scipy sentencepiece seqio soundfile soxr soynlp spacy tiktoken timm tokenizers torch torchao torchaudio
torchcodec torchdistx torchvision triton uroman uvicorn vptq wandb xlstm yt_dlp clearml comet_ml dvclive neptune swanlab
trackio codecarbon sagemaker dagshub flytekit
"""
_PACKAGES: dict[str, tuple[str, ...]] = {name: (name,) for name in _SAME_NAME.split()}
_PACKAGES |= {
    "audio": ("soundfile", "soxr"),
    "azureml": ("azureml",),
    "comet": ("comet_ml",),
    "cython": ("Cython",),
    "flash_attn_2": ("flash_attn",),
    "flash_attn_3": ("flash_attn_interface",),
    "flash_attn_4": ("flash_attn.cute",),
    "flash_linear_attention": ("fla",),
    "flyte_deck_standard": ("flytekitplugins",),
    "flute": ("flute", "fast_hadamard_transform"),
    "hadamard": ("fast_hadamard_transform",),
    "ipython": ("IPython",),
    "jinja": ("jinja2",),
    "levenshtein": ("Levenshtein",),
    "llm_awq": ("awq",),
    "lomo": ("lomo_optim",),
    "mamba_2_ssm": ("mamba_ssm", "causal_conv1d"),
    "optimum_neuron": ("optimum.neuron",),
    "optimum_quanto": ("optimum.quanto",),
    "protobuf": ("google.protobuf",),
    "ray_tune": ("ray.tune",),
    "serve": ("pydantic", "fastapi", "uvicorn", "openai"),
    "sklearn": ("sklearn",),
    "speech": ("torchaudio",),
    "spqr": ("spqr_quant",),
    "sudachi": ("sudachipy",),
    "torch_flex_attn": ("torch",),
    "torch_optimi": ("optimi",),
    "torchvision_v2": ("torchvision",),
    "vision": ("PIL",),
}
# Frameworks and devices that nothing here uses, whatever is installed.
_UNUSED = """
is_flax_available is_tf_available is_torch_hpu_available is_torch_mlu_available is_torch_musa_available
is_torch_neuron_available is_torch_neuroncore_available is_torch_npu_available is_torch_tpu_available is_torch_xla_available
is_torch_fx_proxy is_sagemaker_dp_enabled is_sagemaker_mp_enabled is_training_run_on_sagemaker is_habana_gaudi1
"""
_NEVER = frozenset(_UNUSED.split())
# `is_NAME_greater_or_equal(version)`: the package whose version is compared.
_COMPARED = {
    "flash_attn": "flash-attn",
    "huggingface_hub": "huggingface_hub",
    "openvino": "openvino",
    "peft": "peft",
    "torch": "torch",
    "torchcodec": "torchcodec",
    "torchvision": "torchvision",
}

# `is_torch_greater_or_equal_than_2_4` is no function.
_THAN = "is_torch_greater_or_equal_than_"


def __getattr__(name: str) -> Callable[..., bool] | bool:
    if name.startswith(_THAN):
        return _at_least("torch", name.removeprefix(_THAN).replace("_", "."))
    kind, _, ending = name.removeprefix("is_").rpartition("_")
    if name in _NEVER:
        return _never
    if name.startswith("is_") and ending == "available" and kind in _PACKAGES:
        return partial(_installed, _PACKAGES[kind])
    compared = name.removeprefix("is_").removesuffix("_greater_or_equal")
    if f"is_{compared}_greater_or_equal" == name and compared in _COMPARED:
        return partial(_at_least, _COMPARED[compared])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    names = {*_NEVER, *(f"is_{name}_available" for name in _PACKAGES), *(f"is_{name}_greater_or_equal" for name in _COMPARED)}
    return sorted({*names, *(name for name in globals() if not name.startswith("_"))})


def _installed(packages: tuple[str, ...], min_version: str | None = None) -> bool:
    """Whether all of `packages` are installed, the first in `min_version` or a later one."""
    if not all(available(package) and _has_code(package) for package in packages):
        return False
    return min_version is None or _at_least(DISTRIBUTION_OF.get(packages[0], packages[0]), min_version)


def _has_code(package: str) -> bool:
    """Whether it is a package, not a mere folder of that name beside the program."""
    spec = find_spec(package)
    return spec is not None and spec.origin is not None


def is_tensorboard_available() -> bool:
    """Whether a package that writes event files is installed."""
    return available("tensorboard") or available("tensorboardX")


def _at_least(distribution: str, library_version: str, accept_dev: bool = False) -> bool:
    """Whether `distribution` is installed in `library_version` or a later one; with `accept_dev` also before its release."""
    from packaging.version import Version

    try:
        version = Version(metadata.version(distribution))
    except metadata.PackageNotFoundError:
        return False
    return (Version(version.base_version) if accept_dev else version) >= Version(library_version)


def _never(*args: Any, **kwargs: Any) -> bool:
    """False: nothing here uses it."""
    return False


def get_torch_version() -> str:
    """The version of torch that is installed."""
    return metadata.version("torch")


def is_torch_less_or_equal(library_version: str, accept_dev: bool = False) -> bool:
    """Whether torch is of `library_version` or an earlier one."""
    from packaging.version import Version

    version = Version(metadata.version("torch"))
    return (Version(version.base_version) if accept_dev else version) <= Version(library_version)


def is_flash_attn_greater_or_equal_2_10() -> bool:
    """Whether flash-attn is installed in release 2.1.0 or a later one, as the older name of this question means."""
    return _at_least("flash-attn", "2.1.0")


def is_fsdp_available(min_version: str = "1.12.0") -> bool:
    """Whether torch has fully sharded data parallelism, which begins with `min_version`."""
    return _at_least("torch", min_version) and is_torch_distributed_available()


def is_grouped_mm_available() -> bool:
    """Whether torch multiplies groups of matrices in one call."""
    import torch

    return "grouped_mm" in dir(torch.nn.functional) or "_grouped_mm" in dir(torch)


def is_fake_tensor(x: Any) -> bool:
    """Whether `x` is a tensor without numbers, as export and compilation use."""
    from torch._subclasses import FakeTensor

    return isinstance(x, FakeTensor)


def is_ninja_available() -> bool:
    """Whether the build tool ninja is on the path."""
    return shutil.which("ninja") is not None


def is_in_notebook() -> bool:
    """Whether the program runs in a notebook."""
    return in_notebook()


def is_env_variable_true(env_variable: str) -> bool:
    """Whether an environment variable is 1, true, yes or on."""
    return os.environ.get(env_variable, "").upper() in ("1", "TRUE", "YES", "ON")


def is_env_variable_false(env_variable: str) -> bool:
    """Whether an environment variable is 0, false, no or off."""
    return os.environ.get(env_variable, "").upper() in ("0", "FALSE", "NO", "OFF")


def is_torch_cuda_available() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def is_torch_xpu_available() -> bool:
    """Whether torch sees an Intel GPU."""
    import torch

    return torch.xpu.is_available()


def is_torch_bf16_gpu_available() -> bool:
    """Whether torch sees a CUDA device that computes in bfloat16."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def is_torch_mps_available() -> bool:
    """Whether torch sees Apple's GPU."""
    import torch

    return torch.backends.mps.is_available()


def is_torch_distributed_available() -> bool:
    """Whether torch was built with its distributed package."""
    import torch

    return torch.distributed.is_available()


def is_torch_accelerator_available() -> bool:
    """Whether this torch names accelerators by `torch.accelerator`."""
    return _at_least("torch", "2.6")


def is_torch_deterministic() -> bool:
    """Whether torch was told to use deterministic algorithms only, or to warn of others."""
    import torch

    return torch.get_deterministic_debug_mode() != 0


def is_torch_tf32_available() -> bool:
    """Whether torch sees a CUDA device that computes in TF32 (Ampere or later)."""
    import torch

    return torch.cuda.is_available() and torch.cuda.get_device_capability()[0] >= 8


def is_torch_bf16_available_on_device(device: str) -> bool:
    """Whether a device, such as "cpu" or "cuda", computes in bfloat16."""
    return _computes(device, "bfloat16")


def is_torch_fp16_available_on_device(device: str) -> bool:
    """The same for float16."""
    return _computes(device, "float16")


def _computes(device: str, dtype: str) -> bool:
    import torch

    try:
        x = torch.zeros(2, 2, dtype=getattr(torch, dtype), device=device)
        return bool((x @ x).isfinite().all())
    except (RuntimeError, AssertionError):  # the second: torch was built without this device
        return False


def is_cuda_platform() -> bool:
    """Whether torch was built for CUDA."""
    import torch

    return torch.version.cuda is not None


def is_rocm_platform() -> bool:
    """Whether torch was built for ROCm."""
    import torch

    return torch.version.hip is not None


def is_torchdynamo_compiling() -> bool:
    """Whether the code is being compiled by torch."""
    import torch

    return torch.compiler.is_compiling()


def is_torchdynamo_exporting() -> bool:
    """Whether the code is being exported by torch."""
    import torch

    return torch.compiler.is_exporting()


def is_jit_tracing() -> bool:
    """Whether the code is being traced by `torch.jit`."""
    import torch

    return torch._C._get_tracing_state() is not None


def is_tracing(tensor: Any = None) -> bool:
    """Whether the code is being traced, exported or compiled, or `tensor` holds no numbers because of that."""
    return is_torchdynamo_compiling() or is_jit_tracing() or is_fake_tensor(tensor)


def get_device_type(device: Any = None) -> str:
    """ "cuda", "cpu", ... of a device; without one, of the accelerator that torch sees."""
    import torch

    if device is not None:
        return torch.device(device).type
    accelerator = torch.accelerator.current_accelerator()
    return "cpu" if accelerator is None else accelerator.type


def is_offline_mode() -> bool:
    """Whether the network is switched off by the environment."""
    return offline(HubOptions())


def check_min_version(min_version: str) -> None:
    """Refuse to go on where a script asks for a later release than the one whose behaviour is followed here.

    Raises:
        MissingDependency: it does.
    """
    from packaging.version import Version

    if Version(VERSION) < Version(min_version):
        raise MissingDependency(f"the script asks for release {min_version}; the behaviour here is that of {VERSION}")
