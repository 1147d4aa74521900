"""Everything that generation asks of a model."""

from collections.abc import Iterable
from typing import Any, ClassVar, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from ..cache.base import Cache
from .call import Call
from .config import GenerationConfig


class GeneratingModel(Protocol):
    """A model with a language-modelling head, as generation sees it; `PreTrainedModel` and `Generating` together are one."""

    main_input_name: ClassVar[str]
    config: Any
    training: bool
    generation_config: GenerationConfig

    @property
    def device(self) -> torch.device: ...
    @property
    def dtype(self) -> torch.dtype: ...
    @property
    def base_model(self) -> nn.Module: ...

    def __call__(self, **inputs: Any) -> Any:
        """One forward; the output holds `logits` (R, T, V) and what was asked to be recorded."""

    def parameters(self) -> Iterable[nn.Parameter]: ...
    def modules(self) -> Iterable[nn.Module]: ...
    def get_input_embeddings(self) -> nn.Module: ...
    def get_output_embeddings(self) -> nn.Module | None: ...

    # what a family may override
    def context_length(self) -> int | None:
        """Most tokens there are positions for; None where there is no such limit."""

    def make_cache(self, name: str, length: int, options: dict[str, Any]) -> Cache:
        """An empty cache of the kind `name` for at most `length` tokens."""

    def prepare_inputs_for_generation(
        self, input_ids: Tensor | None, is_first_iteration: bool = False, **kwargs: Any
    ) -> dict[str, Any]:
        """The arguments of one forward."""

    # what strategies ask for
    def can_generate(self) -> bool: ...
    def first_layers(self, count: int) -> tuple[Any, int]:
        """A model of the first `count` layers, and how many layers this one has."""

    def rotary(self) -> Any:
        """How cached keys are turned to another position; None where positions are not rotary."""

    def generation_settings(
        self, generation_config: GenerationConfig | None = None, use_model_defaults: bool | None = None, **kwargs: Any
    ) -> GenerationConfig:
        """The settings in effect for a call."""

    def begin(self, call: Call) -> Any:
        """The `Generation` that a call starts: see `begin.begin`."""

    def generate(self, inputs: Any = None, /, **kwargs: Any) -> Any: ...
    def constraint_processor(
        self, constraint: Any, tokenizer: Any, context: Any, prompts: int, copies: int, moving: bool
    ) -> Any:
        """The processor of a `constraint`."""


class EncoderDecoder(GeneratingModel, Protocol):
    """A model whose decoder reads what its encoder says of the input."""

    def get_encoder(self) -> Any: ...
    def get_decoder(self) -> Any: ...
    def decoder_start(self) -> int | None:
        """The token that begins every text of the decoder."""


def has_encoder(model: GeneratingModel) -> TypeGuard[EncoderDecoder]:
    """Whether `model` is an encoder-decoder."""
    return bool(model.config.is_encoder_decoder)
