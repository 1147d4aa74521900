"""NEFTune (Jain et al. 2023, arXiv 2310.05914): noise on the embeddings of a model while it is trained."""

import math
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def activate_neftune(model: Any, neftune_noise_alpha: float, accelerator: Any = None) -> RemovableHandle:
    """Let the embeddings of `model` add uniform noise of at most alpha / sqrt(T * D) in training; the handle ends that.

    Args:
        accelerator: takes off what was put around the model, if given.
    """
    embeddings = _embeddings(model, accelerator)
    embeddings.neftune_noise_alpha = neftune_noise_alpha
    handle: RemovableHandle = embeddings.register_forward_hook(neftune_post_forward_hook)
    return handle


def deactivate_neftune(model: Any, hook_handle: RemovableHandle, accelerator: Any = None) -> None:
    """End the noise that `activate_neftune` began."""
    hook_handle.remove()
    del _embeddings(model, accelerator).neftune_noise_alpha


def neftune_post_forward_hook(module: Any, input: Any, output: Tensor) -> Tensor:
    """A forward hook of embeddings (B, T, D) whose `neftune_noise_alpha` says how strong the noise is."""
    if not module.training:
        return output
    size = module.neftune_noise_alpha / math.sqrt(output.shape[1] * output.shape[2])
    return output + output.new_zeros(output.shape).uniform_(-size, size)


def _embeddings(model: Any, accelerator: Any) -> Any:
    bare = model if accelerator is None else accelerator.unwrap_model(model)
    inner = bare.get_base_model() if hasattr(bare, "get_base_model") else bare
    embeddings: nn.Module = inner.get_input_embeddings()
    return embeddings
