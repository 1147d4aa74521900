"""What code of others writes in its annotations: kinds of inputs and of outputs."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NewType, TypedDict

import numpy as np
import torch

from ..generation.outputs import (
    GenerateBeamDecoderOnlyOutput,
    GenerateBeamEncoderDecoderOutput,
    GenerateDecoderOnlyOutput,
    GenerateEncoderDecoderOutput,
)
from .images import ImageInput

_Array = np.ndarray | torch.Tensor
AudioInput = _Array | Sequence[np.ndarray] | Sequence[torch.Tensor]
VideoInput = ImageInput | str | Path | list[ImageInput] | list[str] | list[Path]
AnnotationType = dict[str, int | str | list[dict[str, Any]]]
DataClass = NewType("DataClass", object)
DataClassType = NewType("DataClassType", type)
ChatType = list[dict[str, Any]]
GenerateNonBeamOutput = GenerateDecoderOnlyOutput | GenerateEncoderDecoderOutput
GenerateBeamOutput = GenerateBeamDecoderOnlyOutput | GenerateBeamEncoderDecoderOutput
GenerateOutput = GenerateNonBeamOutput | GenerateBeamOutput


class RopeParameters(TypedDict, total=False):
    """What `config.rope_parameters` may hold."""

    rope_theta: float
    rope_type: str | None
    partial_rotary_factor: float | None
    factor: float | None
    original_max_position_embeddings: int | None
    attention_factor: float | None
    beta_fast: float | None
    beta_slow: float | None
    short_factor: Sequence[float] | None
    long_factor: Sequence[float] | None
    low_freq_factor: float | None
    high_freq_factor: float | None


class MultiModalData(TypedDict, total=False):
    """How many tokens each picture, and how many patches each, takes in a prompt."""

    num_image_tokens: list[int] | None
    num_video_tokens: list[int] | None
    num_audio_tokens: list[int] | None
    num_image_patches: list[int] | None


def is_valid_message(message: Any) -> bool:
    """Whether `message` is one of a conversation: it says who speaks, and what."""
    return isinstance(message, Mapping) and "role" in message and "content" in message
