"""What is to be forecast: the size of a call or of a training step."""

from dataclasses import dataclass
from typing import Any

from ..core.errors import ArgumentError


@dataclass(frozen=True)
class Workload:
    """One call: `batch` rows of `prompt` tokens each, and `new_tokens` generated after them by models that generate.

    For an encoder-decoder `prompt` is what the encoder reads; images and audio have the length that the config says. In
    training a row has `prompt` tokens.

    Raises:
        ArgumentError: a size below 1.
    """

    batch: int = 1
    prompt: int = 512
    new_tokens: int = 128

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise ArgumentError(f"{name} is {value!r}; expected a whole number from 1 on")


def usual_call(config: Any, batch: int = 1, prompt: int | None = None, new_tokens: int | None = None) -> Workload:
    """A call of 512 tokens and 128 new ones where nothing else is said, or of as many as the model was made for.

    Args:
        config: None where the model is not known.
    """
    text = config.get_text_config() if config is not None else None
    most = text.get("max_position_embeddings") if text is not None else None
    if not isinstance(most, int) or most < 2:
        return Workload(batch, prompt or 512, new_tokens or 128)
    new_tokens = new_tokens or min(128, most // 2)
    return Workload(batch, prompt or min(512, max(1, most - new_tokens)), new_tokens)
