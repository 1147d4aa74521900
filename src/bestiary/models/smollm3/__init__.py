"""SmolLM 3 (Bakouch et al. 2025): Llama of which every fourth layer does not turn with positions (Yang et al. 2025).

Differs from Llama: these layers, which on demand are also the ones with a window, and tied embeddings.
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Depth, Length, Natural, Size, check
from ...core.logging import warn_once
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import variant
from .. import llama


class SmolLM3Config(DecoderConfig):
    """Hyperparameters; the defaults are SmolLM 3 3B's.

    `no_rope_layers` has a 1 for each layer that turns and a 0 for each that does not; without it, each
    `no_rope_layer_interval`-th does not.
    """

    model_type: ClassVar[str] = "smollm3"
    default_theta: ClassVar[float] = 2_000_000.0

    vocab_size: Length = 128256
    hidden_size: Size = 2048
    num_hidden_layers: Depth = 36
    num_attention_heads: Size = 16
    num_key_value_heads: Size | None = 4
    max_position_embeddings: Length = 32768
    pad_token_id: int | None = 128004
    bos_token_id: int | None = 128000
    eos_token_id: int | list[int] | None = 128001
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    mlp_bias: bool = False
    use_sliding_window: bool = False
    sliding_window: Length | None = None
    no_rope_layers: list[int] | None = None
    no_rope_layer_interval: Natural = 4
    layer_types: list[str] | None = None

    def validate(self) -> None:
        count, interval = self.num_hidden_layers, self.no_rope_layer_interval
        check("SmolLM3Config", "num_hidden_layers", count, Depth)  # before they are counted
        check("SmolLM3Config", "no_rope_layer_interval", interval, Natural)
        check("SmolLM3Config", "no_rope_layers", self.no_rope_layers, list[int] | None)
        if self.no_rope_layers is None:
            self.no_rope_layers = [int((index + 1) % interval != 0) for index in range(count)]
        if len(self.no_rope_layers) < count:
            raise ConfigError(
                f"SmolLM3Config: no_rope_layers is of {len(self.no_rope_layers)} layers, and num_hidden_layers is {count}"
            )
        if len(self.no_rope_layers) > count:
            length = len(self.no_rope_layers)
            warn_once("no-rope-layers", f"SmolLM3Config: no_rope_layers is of {length} layers; the first {count} are read")
        super().validate()

    def usual_layer_types(self) -> list[str]:
        slides = self.use_sliding_window and self.sliding_window is not None
        kinds = (
            "full_attention" if self.has_rotary(index) or not slides else "sliding_attention"
            for index in range(self.num_hidden_layers)
        )
        return list(kinds)

    def has_rotary(self, layer_idx: int) -> bool:
        return bool((self.no_rope_layers or [])[layer_idx])


TASKS = {
    "base": "SmolLM3Model",
    "causal-lm": "SmolLM3ForCausalLM",
    "sequence-classification": "SmolLM3ForSequenceClassification",
    "token-classification": "SmolLM3ForTokenClassification",
    "question-answering": "SmolLM3ForQuestionAnswering",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, SmolLM3Config, TASKS, llama)
