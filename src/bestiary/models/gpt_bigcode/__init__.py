"""GPT-BigCode (Ben Allal et al. 2023, SantaCoder; Li et al. 2023, StarCoder): GPT-2 whose queries share one head of keys.

Differs from GPT-2: one key and one value for all heads of a token (`multi_query`; Shazeer 2019), the tanh form of GELU, and
weights stored (out, in). It has no cross-attention.

Paper: https://arxiv.org/abs/2301.03988
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...modeling.config import PreTrainedConfig
from ...modeling.variant import Import, variant
from .. import gpt2


class GPTBigCodeConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the published class.

    `num_key_value_heads` follows from `multi_query`. Shares are always computed in fp32, whatever
    `attention_softmax_in_fp32` and `scale_attention_softmax_in_fp32` say, as in the published release.
    """

    model_type: ClassVar[str] = "gpt_bigcode"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "n_embd",
        "max_position_embeddings": "n_positions",
        "num_attention_heads": "n_head",
        "num_hidden_layers": "n_layer",
    }

    vocab_size: Length = 50257
    n_positions: Length = 1024
    n_embd: Size = 768
    n_layer: Depth = 12
    n_head: Size = 12
    n_inner: Size | None = None
    activation_function: str = "gelu_pytorch_tanh"
    resid_pdrop: Rate = 0.1
    embd_pdrop: Rate = 0.1
    attn_pdrop: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    scale_attn_weights: bool = True
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    attention_softmax_in_fp32: bool = True
    scale_attention_softmax_in_fp32: bool = True
    multi_query: bool = True
    num_key_value_heads: Size = 1
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("n_embd", "n_head")
        self.num_key_value_heads = 1 if self.multi_query else self.n_head
        if self.add_cross_attention:
            raise ConfigError("GPTBigCodeConfig: add_cross_attention is true; no GPT-BigCode has cross-attention, GPT-2 does")


TASKS = {
    "base": "GPTBigCodeModel",
    "causal-lm": "GPTBigCodeForCausalLM",
    "sequence-classification": "GPTBigCodeForSequenceClassification",
    "token-classification": "GPTBigCodeForTokenClassification",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    GPTBigCodeConfig,
    TASKS,
    gpt2,
    {
        "PreTrainedModel": {"kind_starts": Import(".model.STARTS"), "head_weights": None},
        "Attention": Import(".model.GPTBigCodeAttention"),
        "MLP": Import(".model.GPTBigCodeMLP"),
        "ForCausalLM": Import(".model.GPTBigCodeForCausalLM"),
    },
)
