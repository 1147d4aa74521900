"""The config of DeBERTa and DeBERTa v2."""

from typing import Annotated

from ..core.errors import ConfigError
from ..core.kinds import Count, Range, Rate, Size
from .encoder_config import EncoderConfig


class DisentangledConfig(EncoderConfig):
    """Hyperparameters of encoders whose attention looks at contents and at distances.

    `pos_att_type` names the parts that scores have besides content ("c2p", "p2c"), with `relative_attention`; beyond
    `max_relative_positions` (-1: `max_position_embeddings`) all distances are one; without `position_biased_input` words get
    no position; `legacy` decides which vocabulary head the files hold.
    """

    type_vocab_size: Count = 0
    layer_norm_eps: Rate = 1e-7
    relative_attention: bool = False
    max_relative_positions: Annotated[int, Range(-1, 2**20)] = -1
    position_biased_input: bool = True
    pos_att_type: str | list[str] | None = None
    pooler_dropout: Rate = 0.0
    pooler_hidden_act: str = "gelu"
    pooler_hidden_size: Size | None = None
    legacy: bool = True
    embedding_size: Size | None = None
    cls_dropout: Rate | None = None
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def validate(self) -> None:
        if isinstance(self.pos_att_type, str):
            self.pos_att_type = [part.strip() for part in self.pos_att_type.lower().split("|")]
        super().validate()
        self.pooler_hidden_size = self.pooler_hidden_size or self.hidden_size
        self.embedding_size = self.embedding_size or self.hidden_size
        if self.pooler_hidden_size != self.hidden_size:
            raise ConfigError(
                f"{type(self).__name__}: pooler_hidden_size is {self.pooler_hidden_size}; expected hidden_size"
                f" ({self.hidden_size}), which the state that is pooled has"
            )

    @property
    def farthest(self) -> int:
        """The distance beyond which all share a row."""
        return self.max_relative_positions if self.max_relative_positions >= 1 else self.max_position_embeddings

    @property
    def distance_rows(self) -> int:
        """How many rows the table of distances has for tokens before, and as many for those after."""
        buckets = int(self.declared("position_buckets", -1))
        return buckets if buckets > 0 else self.farthest
