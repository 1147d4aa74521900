"""Everything that generation asks of a model."""

from collections.abc import Callable, Iterator
from typing import Any, ClassVar, Protocol, TypeGuard

import torch
from torch import Tensor, nn

from ..cache.base import Cache
from .config import GenerationConfig


class GeneratingModel(Protocol):
    """A model with a language-modelling head; `PreTrainedModel` and `GenerationMixin` together are one."""

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

    def parameters(self) -> Iterator[nn.Parameter]: ...
    def modules(self) -> Iterator[nn.Module]: ...
    def get_input_embeddings(self) -> nn.Module: ...
    def get_output_embeddings(self) -> nn.Module | None: ...

    # what a family may override
    def context_length(self) -> int | None:
        """Most tokens the model was made for; None where there is no such limit."""

    def has_last_position(self) -> bool:
        """Whether nothing can be computed beyond `context_length`."""

    def make_cache(self, name: str, length: int, options: dict[str, Any]) -> Cache:
        """An empty cache of the kind `name` for at most `length` tokens."""

    def forward_arguments(self, call: Any) -> dict[str, Any]:
        """The arguments that a `Call` has for the forward."""

    def bring_cache(self, prompt: Any) -> bool:
        """Whether the model gave a `Prompt` another cache."""

    def inputs_of_pass(self, run: Any, input_ids: Tensor | None, **kwargs: Any) -> dict[str, Any]:
        """The arguments of one forward."""

    # what strategies ask for
    def can_generate(self) -> bool: ...
    def first_layers(self, count: int) -> tuple["GeneratingModel", int]:
        """A model of the first `count` layers, and how many layers this one has."""

    def rotary(self) -> tuple[nn.Module | None, ...]:
        """What turns cached keys of each layer to another position, or None; nothing where positions are not rotary."""

    def generation_settings(
        self, generation_config: GenerationConfig | None = None, use_model_defaults: bool | None = None, **kwargs: Any
    ) -> GenerationConfig:
        """The settings in effect for a call."""

    def _prepare_generation_config(
        self, generation_config: GenerationConfig | None, **kwargs: Any
    ) -> tuple[GenerationConfig, dict[str, Any]]:
        """The settings in effect for a call, and its other keywords."""

    def begin(self, settings: GenerationConfig, **model_inputs: Any) -> Any:
        """A `Decoding` of these inputs of the forward, ready for its first step."""

    def generate(self, inputs: Any = None, /, **kwargs: Any) -> Any: ...
    def constraint_processor(
        self, constraint: Any, tokenizer: Any, eos: list[int], prompt_length: int, prompts: int, copies: int, moving: bool
    ) -> Callable[[Tensor, Tensor], Tensor]:
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


def vocabulary_size(model: GeneratingModel) -> int | None:
    """How many tokens the part that generates knows; None where its config does not say."""
    size: int | None = model.config.get_text_config(decoder=True).get("vocab_size")
    return size
