"""ESM-1b, ESM-1v and ESM-2 (Rives et al. 2021, Lin et al. 2023): encoders of proteins, whose tokens are amino acids.

Differs from BERT: norms stand before each half of a block and behind all of them, there are no segments, positions of ESM-2 are
rotary, masked tokens count as dropped ones, and attentions tell which amino acids touch.

Paper: https://doi.org/10.1126/science.ade2574
"""

from collections.abc import Sequence
from typing import Any, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Positive, Rate, Size
from ...core.logging import warn_once
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from .folding_config import ESM2_VOCABULARY, EsmFoldConfig
from .folding_config import StructureModuleConfig as StructureModuleConfig
from .folding_config import TrunkConfig as TrunkConfig


class EsmConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are the published ones, which leave the vocabulary to the file.

    `position_embedding_type` is "absolute" (a table) or "rotary". `emb_layer_norm_before`: a norm behind the embeddings.
    `token_dropout`: embeddings of `mask_token_id` are zero, and the others as much larger as if they had been dropped out.
    `is_folding_model`: a model that folds, `EsmForProteinFolding`; then `esmfold_config` says what stands behind ESM, and
    `vocab_list` the tokens of ESM in the order of their ids. Other models have neither.
    """

    model_type: ClassVar[str] = "esm"
    hidden_act: ClassVar[str] = "gelu"

    vocab_size: Length | None = None
    mask_token_id: int | None = None
    pad_token_id: int | None = None
    hidden_size: Size = 768
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    intermediate_size: Size = 3072
    hidden_dropout_prob: Rate = 0.1
    attention_probs_dropout_prob: Rate = 0.1
    max_position_embeddings: Length = 1026
    rope_theta: Positive = 10_000.0
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    position_embedding_type: str | None = "absolute"
    emb_layer_norm_before: bool | None = None
    token_dropout: bool | None = False
    is_folding_model: bool | None = False
    esmfold_config: EsmFoldConfig | None = None
    vocab_list: Sequence[str] | None = None
    eos_token_id: int | list[int] | None = 2
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None

    def read_tables(self) -> None:
        super().read_tables()
        values: Any = self.esmfold_config
        if isinstance(values, dict):
            values = {name: value for name, value in values.items() if name != "model_type"}
            self.esmfold_config = EsmFoldConfig.from_dict(values) if self.is_folding_model else None

    def validate(self) -> None:
        self._settle_folding()
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        if self.add_cross_attention and not self.is_decoder:
            raise ConfigError("add_cross_attention=True needs is_decoder=True: only a decoder looks at an encoder")
        if self.position_embedding_type == "rotary" and self.hidden_size // self.num_attention_heads % 2:
            raise ConfigError(f"rotary positions turn pairs; heads are {self.hidden_size // self.num_attention_heads} wide")
        if self.position_embedding_type not in ("absolute", "rotary"):
            kind = self.position_embedding_type
            warn_once(
                "positions", f"position_embedding_type is {kind!r:.60}, of which nothing is known: there are no positions"
            )

    def _settle_folding(self) -> None:
        """Fill in the config and the vocabulary of a model that folds; no other has any."""
        config: Any = self.esmfold_config if self.is_folding_model else None
        if config is None and self.is_folding_model:
            config = EsmFoldConfig()
        if self.is_folding_model and self.vocab_list is None:
            warn_once(
                "vocabulary", "EsmConfig: vocab_list is not set for a model that folds; taken for the vocabulary of ESM-2"
            )
        self.esmfold_config = config
        self.vocab_list = (self.vocab_list or ESM2_VOCABULARY) if self.is_folding_model else None

    @property
    def first_position(self) -> int:
        """The position after that of padding, which is the padding token's id."""
        return 0 if self.pad_token_id is None else self.pad_token_id + 1


TASKS = {
    "base": "EsmModel",
    "masked-lm": "EsmForMaskedLM",
    "sequence-classification": "EsmForSequenceClassification",
    "token-classification": "EsmForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "EsmTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["EsmPreTrainedModel", *TASKS.values()],
        "folding.model": ["EsmFoldPreTrainedModel", "EsmForProteinFolding", "EsmForProteinFoldingOutput"],
        "tokenizer": ["EsmTokenizer"],
    },
)
