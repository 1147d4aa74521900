"""Falcon (Almazrouei et al. 2023): both halves of a block read the same states; all queries share one key and value, or few.

Differs from GPT-NeoX: the shared keys, no biases by default, one norm for both halves (`num_ln_in_parallel_attn`: or two), and
whole heads turning. Falcon RW has ALiBi instead of rotary positions, and blocks whose halves follow one another.

Paper: https://arxiv.org/abs/2311.16867
"""

from typing import ClassVar

from ...core.kinds import Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.decoder_config import DecoderConfig


class FalconConfig(DecoderConfig):
    """Hyperparameters; the defaults are those of Falcon 7B.

    With `new_decoder_architecture` (Falcon 40B) there are `num_kv_heads` keys and values, and halves are parallel whatever
    `parallel_attn` says; without it one with `multi_query`, else as many as queries.
    """

    model_type: ClassVar[str] = "falcon"
    attribute_map: ClassVar[dict[str, str]] = {"n_embed": "hidden_size"}
    internal_map: ClassVar[dict[str, str]] = {
        "rms_norm_eps": "layer_norm_epsilon",
        "intermediate_size": "ffn_hidden_size",
        "hidden_act": "activation",
        "num_key_value_heads": "num_kv_heads",
    }

    vocab_size: Length = 65024
    hidden_size: Size = 4544
    num_hidden_layers: Depth = 32
    num_attention_heads: Size = 71
    num_ln_in_parallel_attn: Size | None = None
    layer_norm_epsilon: Rate = 1e-5
    hidden_dropout: Rate = 0.0
    num_kv_heads: Size | None = None
    alibi: bool = False
    new_decoder_architecture: bool = False
    multi_query: bool = True
    parallel_attn: bool = True
    bias: bool = False
    bos_token_id: int | None = 11
    eos_token_id: int | list[int] | None = 11
    ffn_hidden_size: Size | None = None
    activation: str = "gelu"
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.ffn_hidden_size = self.ffn_hidden_size or 4 * self.hidden_size
        if self.new_decoder_architecture and self.num_ln_in_parallel_attn is None:
            self.num_ln_in_parallel_attn = 2

    @property
    def groups(self) -> int:
        """G, the number of heads of keys and values."""
        if self.new_decoder_architecture:
            return self.num_kv_heads or self.num_attention_heads
        return 1 if self.multi_query else self.num_attention_heads

    @property
    def cache_heads(self) -> tuple[int, int]:
        return self.groups, self.head_size

    @property
    def is_parallel(self) -> bool:
        """Whether both halves of a block read the same states."""
        return self.new_decoder_architecture or self.parallel_attn

    def has_rotary(self, layer_idx: int) -> bool:
        return not self.alibi


TASKS = {
    "base": "FalconModel",
    "causal-lm": "FalconForCausalLM",
    "sequence-classification": "FalconForSequenceClassification",
    "token-classification": "FalconForTokenClassification",
    "question-answering": "FalconForQuestionAnswering",
}

__getattr__, __dir__ = lazy(__name__, {"model": ["FalconPreTrainedModel", *TASKS.values()]})
