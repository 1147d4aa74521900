"""T5Gemma (Zhang et al. 2025, "Encoder-decoder Gemma"): an encoder and a decoder of Gemma 2's blocks, adapted from its weights.

Differs from Gemma 2: the encoder looks both ways, windows reach to either side; the decoder looks at the encoder's output
between its two halves, with grouped heads and without positions; the halves may differ in size.

Paper: https://arxiv.org/abs/2504.06225
"""

from typing import Any, ClassVar

from ...core.kinds import Amount, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.bounded_config import BoundedConfig
from ...modeling.config import PreTrainedConfig


class T5GemmaModuleConfig(BoundedConfig):
    """Hyperparameters of one half; `cross_attention_hidden_size` is the width of the states that a decoder looks at."""

    model_type: ClassVar[str] = "t5_gemma_module"
    internal_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation", "residual_dropout": "dropout_rate"}

    dropout_rate: Rate = 0.0
    cross_attention_hidden_size: Size | None = None
    is_decoder: bool = False


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
