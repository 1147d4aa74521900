"""ModernBERT (Warner et al. 2024): an encoder for texts of 8192 tokens.

Differs from BERT: positions are rotary, norms stand before each half of a block, MLPs are gated, two layers of three look at a
window around each token only, and all heads share a dense layer with a norm.

Paper: https://arxiv.org/abs/2412.13663
"""

from typing import Any, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Positive, Rate, Size, check
from ...core.plugins import lazy
from ...modeling.rotary_config import RotaryConfig


class ModernBertConfig(RotaryConfig):
    """Hyperparameters; the defaults are ModernBERT base's.

    `local_attention`: how many tokens wide the window of a layer of the kind "sliding_attention" is, half of them on either
    side. `classifier_pooling`: what of a text is classified, its first state ("cls") or the mean ("mean").
    `sparse_prediction`: with labels, only masked tokens get logits. `initializer_cutoff_factor`: no weight starts further from
    0, in standard deviations.

    Older files give the layers without a window as each `global_attn_every_n_layers`-th, and the two rotary bases as
    `global_rope_theta` and `local_rope_theta`.
    """

    model_type: ClassVar[str] = "modernbert"

    vocab_size: Length = 50368
    hidden_size: Size = 768
    intermediate_size: Size = 1152
    num_hidden_layers: Depth = 22
    num_attention_heads: Size = 12
    hidden_activation: str = "gelu"
    max_position_embeddings: Length = 8192
    initializer_range: Amount = 0.02
    initializer_cutoff_factor: Positive | None = 2.0
    norm_eps: Rate = 1e-5
    norm_bias: bool = False
    pad_token_id: int | None = 50283
    eos_token_id: int | list[int] | None = 50282
    bos_token_id: int | None = 50281
    cls_token_id: int | None = 50281
    sep_token_id: int | None = 50282
    attention_bias: bool = False
    attention_dropout: Rate = 0.0
    layer_types: list[str] | None = None
    local_attention: Length = 128
    embedding_dropout: Rate = 0.0
    mlp_bias: bool = False
    mlp_dropout: Rate = 0.0
    decoder_bias: bool = True
    classifier_pooling: Literal["cls", "mean"] = "cls"
    classifier_dropout: Rate = 0.0
    classifier_bias: bool = False
    classifier_activation: str = "gelu"
    deterministic_flash_attn: bool = False
    sparse_prediction: bool = False
    sparse_pred_ignore_index: int = -100
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        self.divides("hidden_size", "num_attention_heads")
        if self.layer_types is None:
            every = self.__dict__.pop("global_attn_every_n_layers", 3)
            check(type(self).__name__, "global_attn_every_n_layers", every, Size)
            layers = range(self.num_hidden_layers)
            self.layer_types = ["sliding_attention" if index % every else "full_attention" for index in layers]
        for kind in self.layer_kinds():
            if kind not in ("full_attention", "sliding_attention"):
                raise ConfigError(f"layer_types has {kind!r:.80}; expected 'full_attention' or 'sliding_attention'")
        older = {name: self.__dict__.pop(name, None) for name in ("global_rope_theta", "local_rope_theta", "rope_scaling")}
        bases = {"full_attention": older["global_rope_theta"] or 160_000.0}
        bases["sliding_attention"] = older["local_rope_theta"] or 10_000.0
        tables: dict[str, Any] = {**{kind: {} for kind in bases}, **(self.rope_parameters or {})}
        if wrong := [kind for kind, table in tables.items() if kind not in bases or not isinstance(table, dict)]:
            raise ConfigError(
                f"ModernBertConfig: rope_parameters holds {wrong[0]!r:.80}; expected a table each for {' and '.join(bases)}"
            )
        scaling = older["rope_scaling"] or {}
        self.rope_parameters = {kind: {"rope_theta": bases[kind], **table, **scaling} for kind, table in tables.items()}
        self.read_rotary()

    @property
    def sliding_window(self) -> int:
        """How many tokens to either side a layer with a window looks; setting it sets `local_attention`."""
        return self.local_attention // 2

    @sliding_window.setter
    def sliding_window(self, value: int) -> None:
        self.local_attention = 2 * value


TASKS = {
    "base": "ModernBertModel",
    "masked-lm": "ModernBertForMaskedLM",
    "sequence-classification": "ModernBertForSequenceClassification",
    "token-classification": "ModernBertForTokenClassification",
    "question-answering": "ModernBertForQuestionAnswering",
    "multiple-choice": "ModernBertForMultipleChoice",
}

__getattr__, __dir__ = lazy(__name__, {"model": ["ModernBertPreTrainedModel", *TASKS.values()]})
