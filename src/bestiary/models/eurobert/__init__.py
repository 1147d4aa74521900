"""EuroBERT (Boizard et al. 2025): Llama that looks both ways, trained to fill in masked tokens.

Differs from Llama: no token is hidden from another and nothing is cached; a text is classified by one of three ways to pool it.

Paper: https://arxiv.org/abs/2503.05500
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.kinds import Depth, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.variant import Import, variant
from .. import llama


class EuroBertConfig(DecoderConfig):
    """Hyperparameters; the defaults are EuroBERT 210m's.

    `classifier_pooling` says what of a text is classified: "bos", its first state; "mean", the mean of its states; "late", each
    state, of whose logits the mean is taken.
    """

    model_type: ClassVar[str] = "eurobert"
    divided_at_once: ClassVar[tuple[str, ...]] = ("num_attention_heads",)
    internal_map: ClassVar[dict[str, str]] = {"lm_head_bias": "mlp_bias"}

    vocab_size: Length = 128256
    hidden_size: Size = 768
    intermediate_size: Size = 3072
    num_hidden_layers: Depth = 12
    num_attention_heads: Size = 12
    max_position_embeddings: Length = 8192
    rms_norm_eps: Rate = 1e-5
    pad_token_id: int | None = 128001
    bos_token_id: int | None = 128000
    eos_token_id: int | list[int] | None = 128001
    mask_token_id: int | None = 128002
    attention_bias: bool = False
    mlp_bias: bool = False
    classifier_pooling: Literal["bos", "mean", "late"] = "late"
    head_dim: Size | None = None


TASKS = {
    "base": "EuroBertModel",
    "masked-lm": "EuroBertForMaskedLM",
    "sequence-classification": "EuroBertForSequenceClassification",
    "token-classification": "EuroBertForTokenClassification",
}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    EuroBertConfig,
    TASKS,
    llama,
    {
        "Model": Import(".model.EuroBertModel"),
        "ForMaskedLM": Import(".model.EuroBertForMaskedLM"),
        "ForSequenceClassification": Import(".model.EuroBertForSequenceClassification"),
        "ForTokenClassification": {"head_name": "classifier", "default_dropout": 0.0},
    },
)
