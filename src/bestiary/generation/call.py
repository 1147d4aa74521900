"""What a call of `generate` brought."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ..core.errors import ArgumentError
from ..nn.row_draws import as_seeds
from .config import GenerationConfig
from .model import GeneratingModel
from .processor import listed


@dataclass
class Call:
    """The arguments of a call of `generate`; `model_inputs` are for the model's forward.

    Raises:
        ArgumentError: an object is of another kind than its argument takes, or two exclude each other.
    """

    settings: GenerationConfig
    inputs: Tensor | None = None
    model_inputs: dict[str, Any] = field(default_factory=dict)
    logits_processor: list[Any] | None = None
    stopping_criteria: list[Any] | None = None
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None = None
    assistant_model: GeneratingModel | None = None
    negative_prompt_ids: Tensor | None = None
    negative_prompt_attention_mask: Tensor | None = None
    tokenizer: Any = None
    assistant_tokenizer: Any = None
    assistant_encoder_outputs: Any = None
    generator: torch.Generator | None = None
    seed: Any = None
    prefix_store: Any = None
    constraint: Any = None

    def __post_init__(self) -> None:
        self.logits_processor = listed("logits_processor", self.logits_processor)
        self.stopping_criteria = listed("stopping_criteria", self.stopping_criteria)
        if self.generator is not None and not isinstance(self.generator, torch.Generator):
            raise ArgumentError(
                f"generator is {self.generator!r:.80}; expected a torch.Generator; a number is a seed: seed=..."
            )
        for name, tokenizer in (("tokenizer", self.tokenizer), ("assistant_tokenizer", self.assistant_tokenizer)):
            if tokenizer is not None and not callable(getattr(tokenizer, "decode", None)):  # it need not be one of ours
                raise ArgumentError(f"{name} is {tokenizer!r:.80}; expected a tokenizer")
        assistant = self.assistant_model
        if assistant is not None and not getattr(assistant, "can_generate", bool)():  # the caller may pass anything
            raise ArgumentError(f"assistant_model is a {type(assistant).__name__}; expected a model that generates text")
        allowed = self.prefix_allowed_tokens_fn
        if allowed is not None and not callable(allowed):
            raise ArgumentError(f"prefix_allowed_tokens_fn is {allowed!r:.80}; expected a function")
        if self.seed is not None and self.generator is not None:
            raise ArgumentError("seed and generator exclude each other")
        self.seed = as_seeds(self.seed)
