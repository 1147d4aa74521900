"""T5Gemma (Zhang et al. 2025, "Encoder-decoder Gemma"): an encoder and a decoder of Gemma 2's blocks, adapted from its weights.

Differs from Gemma 2: the encoder looks both ways, windows reach to either side; the decoder looks at the encoder's output
between its two halves, with grouped heads and without positions; the halves may differ in size.
"""

from typing import Any, ClassVar

from ...core.kinds import Amount, Depth, Length, Positive, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...modeling.decoder_config import DecoderConfig


class T5GemmaModuleConfig(DecoderConfig):
    """Hyperparameters of one half; the defaults are Gemma 2 2B's. Layers 0, 2, ... have the window, unless
    `layer_types` says it. `cross_attention_hidden_size` is the width of the states that a decoder looks at.
    """

    model_type: ClassVar[str] = "t5_gemma_module"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation", "residual_dropout": "dropout_rate"}

    vocab_size: Length = 256000
    hidden_size: Size = 2304
    intermediate_size: Size = 9216
    num_hidden_layers: Depth = 26
    num_attention_heads: Size = 8
    num_key_value_heads: Size | None = 4
    head_dim: Size | None = 256
    hidden_activation: str = "gelu_pytorch_tanh"
    max_position_embeddings: Length = 8192
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    bos_token_id: int | None = 2
    tie_word_embeddings: bool = True
    attention_bias: bool = False
    query_pre_attn_scalar: Positive = 256
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    final_logit_softcapping: Positive | None = 30.0
    attn_logit_softcapping: Positive | None = 50.0
    dropout_rate: Rate = 0.0
    cross_attention_hidden_size: Size | None = None
    is_decoder: bool = False

    def usual_layer_types(self) -> list[str]:
        return self.windows_but_every(2)


class T5GemmaConfig(PreTrainedConfig):
    """The configs of both halves, and what they share: rates of dropout, special tokens (where not said, the decoder's)."""

    model_type: ClassVar[str] = "t5gemma"
    sub_configs: ClassVar[dict[str, type[PreTrainedConfig]]] = {
        "encoder": T5GemmaModuleConfig,
        "decoder": T5GemmaModuleConfig,
    }

    encoder: Any = None
    decoder: Any = None
    is_encoder_decoder: bool = True
    dropout_rate: Rate = 0.0
    classifier_dropout_rate: Rate = 0.0
    attention_dropout: Rate = 0.0
    vocab_size: Length = 256000
    initializer_range: Amount | None = None
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        for half in (self.encoder, self.decoder):
            half.dropout_rate, half.attention_dropout = self.dropout_rate, self.attention_dropout
            half.is_decoder = half is self.decoder
        self.decoder.cross_attention_hidden_size = self.encoder.hidden_size
        for name in ("initializer_range", "bos_token_id", "pad_token_id", "eos_token_id"):
            if self.__dict__[name] is None:
                self.__dict__[name] = self.decoder.get(name)

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """The decoder's config; with `encoder=True` alone, or `decoder=False`, the encoder's."""
        part: PreTrainedConfig = self.encoder if decoder is False or (encoder and not decoder) else self.decoder
        return part


TASKS = {
    "base": "T5GemmaModel",
    "seq2seq-lm": "T5GemmaForConditionalGeneration",
    "sequence-classification": "T5GemmaForSequenceClassification",
    "token-classification": "T5GemmaForTokenClassification",
    "text-encoding": "T5GemmaEncoderModel",
}

PREPROCESSORS = {"tokenizer": "GemmaTokenizer"}

__getattr__, __dir__ = lazy(__name__, {"model": ["T5GemmaPreTrainedModel", *TASKS.values()]})
