"""LFM2 (Liquid AI 2025): a hybrid of attention and short convolutions, between two gates.

Differs from Llama: layers of the kind "conv" have a gated convolution over a few inputs in place of the attention; queries and
keys are normed; and the width of the MLPs follows from `intermediate_size` by rules.

Paper: https://arxiv.org/abs/2511.23404
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Amount, Count, Length, Rate, Size
from ...modeling.decoder_config import DecoderConfig
from ...modeling.stack import Stack
from ...modeling.variant import Import, variant
from .. import llama


class Lfm2Config(DecoderConfig):
    """Hyperparameters; the defaults are those of the published code.

    Without `layer_types`, the layers in `full_attn_idxs` (None: all) have attention. The convolutions see `conv_L_cache`
    inputs. With `block_auto_adjust_ff_dim`, MLPs have two thirds of `intermediate_size`, times `block_ffn_dim_multiplier`,
    rounded up to a multiple of `block_multiple_of`. Older files call two fields `tie_embedding` and `block_ff_dim`.
    """

    model_type: ClassVar[str] = "lfm2"
    internal_map: ClassVar[dict[str, str]] = {"rms_norm_eps": "norm_eps"}
    default_theta: ClassVar[float] = 1_000_000.0
    no_effect: ClassVar[frozenset[str]] = frozenset({"hidden_act", "attention_dropout"})

    vocab_size: Length = 65536
    hidden_size: Size = 2560
    intermediate_size: Size = 12288
    num_key_value_heads: Size | None = 8
    max_position_embeddings: Length = 128_000
    norm_eps: Rate = 1e-5
    pad_token_id: int | None = 0
    tie_word_embeddings: bool = True
    conv_bias: bool = False
    conv_L_cache: Size = 3
    block_multiple_of: Size = 256
    block_ffn_dim_multiplier: Amount = 1.0
    block_auto_adjust_ff_dim: bool = True
    full_attn_idxs: list[Count] | None = None
    layer_types: list[str] | None = None

    def validate(self) -> None:
        for older, name in (("tie_embedding", "tie_word_embeddings"), ("block_ff_dim", "intermediate_size")):
            if older in self.__dict__:
                setattr(self, name, self.__dict__.pop(older))
        if self.layer_types is None:
            layers = range(self.num_hidden_layers)
            self.full_attn_idxs = list(layers) if self.full_attn_idxs is None else self.full_attn_idxs
            self.layer_types = ["full_attention" if index in self.full_attn_idxs else "conv" for index in layers]
        super().validate()

    @property
    def mlp_width(self) -> int:
        """The width of the MLPs."""
        if not self.block_auto_adjust_ff_dim:
            return self.intermediate_size
        width = int(self.block_ffn_dim_multiplier * int(2 * self.intermediate_size / 3))
        return -(width // -self.block_multiple_of) * self.block_multiple_of


TASKS = {"base": "Lfm2Model", "causal-lm": "Lfm2ForCausalLM"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    Lfm2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"stacks": {"": Stack("layers", final="embedding_norm")}},
        "Attention": {
            "bias": False,
            "output_name": "out_proj",
            "head_norm": Import("bestiary.nn.norm.RMSNorm"),
            "norm_names": ("q_layernorm", "k_layernorm"),
        },
        "MLP": Import(".model.Lfm2MLP"),
        "DecoderLayer": {
            "state_class": Import(".model.Lfm2ShortConv"),
            "state_name": "conv",
            "norm_names": ("operator_norm", None, "ffn_norm", None),
            "mlp_name": "feed_forward",
        },
    },
)
