"""NEFTune (Jain et al. 2023, arXiv 2310.05914): noise on the embeddings of a model while it is trained."""

import math
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle


def add_noise(model: Any, alpha: float) -> RemovableHandle:
    """Let the embeddings of `model` add uniform noise of at most alpha / sqrt(T * D) in training; the handle ends that."""

    def noisy(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        if not module.training:
            return output
        size = alpha / math.sqrt(output.shape[1] * output.shape[2])
        return output + output.new_zeros(output.shape).uniform_(-size, size)

    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    embeddings: nn.Module = inner.get_input_embeddings()
    return embeddings.register_forward_hook(noisy)
