"""Small functions that old scripts import to find out what is installed, under their published names."""

from collections.abc import Callable
from functools import partial

from ..core.logging import warn_once
from ..core.optional import available
from ..hub.options import HubOptions, offline
from .names import VERSION

_PACKAGES = {
    "is_accelerate_available": "accelerate",
    "is_apex_available": "apex",
    "is_bitsandbytes_available": "bitsandbytes",
    "is_datasets_available": "datasets",
    "is_flash_attn_2_available": "flash_attn",
    "is_librosa_available": "librosa",
    "is_peft_available": "peft",
    "is_protobuf_available": "google.protobuf",
    "is_psutil_available": "psutil",
    "is_safetensors_available": "safetensors",
    "is_scipy_available": "scipy",
    "is_sentencepiece_available": "sentencepiece",
    "is_sklearn_available": "sklearn",
    "is_soundfile_available": "soundfile",
    "is_tiktoken_available": "tiktoken",
    "is_timm_available": "timm",
    "is_tokenizers_available": "tokenizers",
    "is_torch_available": "torch",
    "is_torchaudio_available": "torchaudio",
    "is_torchvision_available": "torchvision",
    "is_vision_available": "PIL",
}


def __getattr__(name: str) -> Callable[[], bool]:
    if name not in _PACKAGES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return partial(available, _PACKAGES[name])


def __dir__() -> list[str]:
    return sorted({*_PACKAGES, *(name for name in globals() if not name.startswith("_"))})


def is_tf_available() -> bool:
    """False: there are no TensorFlow models here, whatever is installed."""
    return False


def is_flax_available() -> bool:
    """False: there are no Flax models here, whatever is installed."""
    return False


def is_torch_cuda_available() -> bool:
    """Whether torch sees a CUDA device."""
    import torch

    return torch.cuda.is_available()


def is_torch_xpu_available() -> bool:
    """Whether torch sees an Intel GPU."""
    import torch

    return torch.xpu.is_available()


def is_torch_npu_available() -> bool:
    """False: Ascend devices need an extension of torch that nothing here uses."""
    return False


def is_torch_bf16_gpu_available() -> bool:
    """Whether torch sees a CUDA device that computes in bfloat16."""
    import torch

    return torch.cuda.is_available() and torch.cuda.is_bf16_supported()


def is_torch_mps_available() -> bool:
    """Whether torch sees Apple's GPU."""
    import torch

    return torch.backends.mps.is_available()


def is_offline_mode() -> bool:
    """Whether the network is switched off by the environment."""
    return offline(HubOptions())


def check_min_version(min_version: str) -> None:
    """Warn when a script asks for a later release than the one whose behaviour is followed here."""
    numbers = [[int(part) for part in text.split(".") if part.isdigit()] for text in (min_version, VERSION)]
    if numbers[0] > numbers[1]:
        warn_once("compat-version", f"the script asks for release {min_version}; the behaviour here is that of {VERSION}")
