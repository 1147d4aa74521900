"""The hyperparameters that BART, Whisper and their relatives publish under the same names. Needs no torch."""

import copy
from typing import ClassVar

from ..core.kinds import Amount, Depth, Rate, Size
from .config import PreTrainedConfig


class Seq2SeqConfig(PreTrainedConfig):
    """Base of the configs of encoder-decoders with `encoder_` and `decoder_` sizes; a family says where its defaults differ."""

    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "encoder_attention_heads",
        "num_hidden_layers": "encoder_layers",
    }
    internal_map: ClassVar[dict[str, str]] = {"initializer_range": "init_std"}

    is_encoder_decoder: bool = True
    d_model: Size = 1024
    encoder_layers: Depth = 12
    encoder_attention_heads: Size = 16
    encoder_ffn_dim: Size = 4096
    decoder_layers: Depth = 12
    decoder_attention_heads: Size = 16
    decoder_ffn_dim: Size = 4096
    activation_function: str = "gelu"
    dropout: Rate = 0.1
    attention_dropout: Rate = 0.0
    activation_dropout: Rate = 0.0
    encoder_layerdrop: Rate = 0.0
    decoder_layerdrop: Rate = 0.0
    init_std: Amount = 0.02
    scale_embedding: bool = False
    decoder_start_token_id: int | None = None
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("d_model", "encoder_attention_heads")
        self.divides("d_model", "decoder_attention_heads")

    def vocabulary(self, decoder: bool) -> int:
        """How many words the decoder, or the encoder, knows; a family whose halves differ in that overrides this."""
        size: int = self.get("vocab_size")
        return size

    def get_text_config(self, decoder: bool | None = None, encoder: bool | None = None) -> PreTrainedConfig:
        """This config; where the decoder (or the encoder) has sizes of its own, a copy whose common names give these.

        They are `vocab_size`, `num_hidden_layers` and `num_attention_heads`.
        """
        writes = bool(decoder) and not encoder
        sizes = {"vocab_size": self.get("vocab_size") and self.vocabulary(writes)}
        if writes:
            sizes.update(encoder_layers=self.decoder_layers, encoder_attention_heads=self.decoder_attention_heads)
        sizes = {name: size for name, size in sizes.items() if size != self.get(name)}
        if not sizes:
            return self
        config = copy.copy(self)
        config.__dict__.update({self.attribute_map.get(name, name): size for name, size in sizes.items()})
        return config

    def layer_kinds(self) -> tuple[str, ...]:
        """The kinds of the decoder's layers."""
        return ("full_attention",) * self.decoder_layers

    @property
    def cache_heads(self) -> tuple[int, int]:
        return self.decoder_attention_heads, self.d_model // self.decoder_attention_heads
