"""The config of the floor that BERT and its relatives stand on (`modeling/encoder.py`)."""

from ..core.errors import ConfigError
from ..core.kinds import Amount, Depth, Length, Rate, Size
from ..core.logging import warn_once
from .config import PreTrainedConfig


class EncoderConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are BERT base's, as many relatives have them.

    `chunk_size_feed_forward` runs the MLP over that many positions at a time, to save memory (0: all at once).
    """

    vocab_size: Length = 30522
    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_act: str = "gelu"
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    max_position_embeddings: Length = 512
    type_vocab_size: Size = 2
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    pad_token_id: int | None = 0
    classifier_dropout: Rate | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        if self.add_cross_attention and not self.is_decoder:
            raise ConfigError("add_cross_attention=True needs is_decoder=True: only a decoder looks at an encoder")
        kind = self.get("position_embedding_type", "absolute")
        if kind != "absolute":
            warn_once("positions", f"position_embedding_type is {kind!r}; only 'absolute' positions exist, and are used")


class OffsetPositionsConfig(EncoderConfig):
    """The same where positions are counted from the one after the padding token's id, as in RoBERTa and its relatives."""

    tie_word_embeddings: bool = True

    @property
    def first_position(self) -> int:
        """The position after that of padding, which is the padding token's id."""
        return 0 if self.pad_token_id is None else self.pad_token_id + 1
