"""What scripts import from the published module of data collators, beside the collators."""

from typing import Any

import numpy as np
import torch
from torch import Tensor

# An example, as annotations of scripts call it.
InputDataClass = Any


def pad_without_fast_tokenizer_warning(tokenizer: Any, *pad_args: Any, **pad_kwargs: Any) -> Any:
    """`tokenizer.pad`, which tells of nothing here."""
    return tokenizer.pad(*pad_args, **pad_kwargs)


def _torch_collate_batch(examples: Any, tokenizer: Any, pad_to_multiple_of: int | None = None) -> Tensor:
    """Rows of ids (each of its own length) as a tensor (B, T), padded as the tokenizer does."""
    batch: Tensor = _collated(examples, tokenizer, pad_to_multiple_of, "pt")
    return batch


def _numpy_collate_batch(examples: Any, tokenizer: Any, pad_to_multiple_of: int | None = None) -> np.ndarray:
    """The same as an array."""
    batch: np.ndarray = _collated(examples, tokenizer, pad_to_multiple_of, "np")
    return batch


def _collated(examples: Any, tokenizer: Any, multiple: int | None, kind: str) -> Any:
    rows = [{"input_ids": tolist(each)} for each in examples]
    return tokenizer.pad(rows, return_attention_mask=False, pad_to_multiple_of=multiple, return_tensors=kind)["input_ids"]


def tolist(x: Any) -> list[Any]:
    """Numbers of a list, tensor or array as a list."""
    return x if isinstance(x, list) else x.tolist() if hasattr(x, "tolist") else list(x)  # of any library


def to_numpy(x: Any) -> np.ndarray:
    """Numbers of a list, tensor or array as an array."""
    return x.detach().cpu().numpy() if isinstance(x, torch.Tensor) else np.asarray(x)
