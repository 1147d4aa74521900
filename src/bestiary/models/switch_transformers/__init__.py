"""Switch Transformers (Fedus et al. 2021): T5 whose MLPs, in some layers, are mixtures of which each token passes through one.

Differs from T5: the mixtures; an expert takes so many tokens of a text, those behind them get nothing there; no gates.

Paper: https://arxiv.org/abs/2101.03961
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Experts, Length, Rate, Size
from ...modeling.config import PreTrainedConfig
from ...modeling.variant import Import, variant
from ...nn.activation_names import ACTIVATION_NAMES
from .. import t5


class SwitchTransformersConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the base sizes, but for the number of sparse layers.

    Every n-th layer has a mixture of `num_experts`, n being the number of layers over that of sparse ones; as published, one
    has it where there should be none. An expert takes `expert_capacity` tokens of a text. `router_dtype` is what scores are
    computed in. `router_ignore_padding_tokens` and `add_router_probs` are fields of published files that no release reads.
    """

    model_type: ClassVar[str] = "switch_transformers"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "num_heads",
        "num_hidden_layers": "num_layers",
    }

    is_encoder_decoder: bool = True
    vocab_size: Length = 32128
    d_model: Size = 768
    d_kv: Size = 64
    d_ff: Size = 2048
    expert_capacity: Size = 64
    num_layers: Depth = 12
    num_sparse_encoder_layers: Depth = 3
    num_decoder_layers: Depth | None = 12
    num_sparse_decoder_layers: Depth = 3
    num_heads: Size = 12
    num_experts: Experts = 8
    router_bias: bool = False
    router_jitter_noise: Rate = 0.01
    router_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    router_ignore_padding_tokens: bool = False
    relative_attention_num_buckets: t5.Buckets = 32
    relative_attention_max_distance: Length = 128
    dropout_rate: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-6
    router_z_loss_coef: Amount = 0.001
    router_aux_loss_coef: Amount = 0.001
    initializer_factor: Amount = 1.0
    dense_act_fn: str = "relu"
    add_router_probs: bool = False
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int | None = None
    encoder_sparse_step: int | None = None
    decoder_sparse_step: int | None = None
    is_decoder: bool = False
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    bos_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        if self.dense_act_fn not in ACTIVATION_NAMES:
            known = ", ".join(ACTIVATION_NAMES)
            raise ConfigError(f"{type(self).__name__}: dense_act_fn is {self.dense_act_fn!r:.60}; expected one of {known}")
        if self.num_decoder_layers is None:
            self.num_decoder_layers = self.num_layers
        self.encoder_sparse_step = self.num_layers // max(self.num_sparse_encoder_layers, 1)
        self.decoder_sparse_step = self.num_decoder_layers // max(self.num_sparse_decoder_layers, 1)

    def is_sparse(self, layer: int, decoder: bool) -> bool:
        """Whether a layer of the decoder, or of the encoder, has a mixture."""
        step = (self.decoder_sparse_step if decoder else self.encoder_sparse_step) or 0
        return step == 1 or (step > 1 and layer % step == 1)

    def layer_kinds(self) -> tuple[str, ...]:
        """The kinds of the decoder's layers."""
        return ("full_attention",) * (self.num_decoder_layers or 0)

    @property
    def scale_decoder_outputs(self) -> bool:
        """Whether the decoder's states are multiplied by D^-0.5 before the output layer."""
        return self.tie_word_embeddings

    @property
    def cache_heads(self) -> tuple[int, int]:
        return self.num_heads, self.d_kv


TASKS = {
    "base": "SwitchTransformersModel",
    "seq2seq-lm": "SwitchTransformersForConditionalGeneration",
    "encoding": "SwitchTransformersEncoderModel",
}

PREPROCESSORS = {"tokenizer": "T5Tokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    SwitchTransformersConfig,
    TASKS,
    t5,
    {
        "PreTrainedModel": {
            "base_model_prefix": "switch_transformers",
            "always_shares": False,
            "_keep_in_fp32_modules": [],
        },
        "Block": Import(".model.SwitchTransformersBlock"),
        "Encoder": Import(".model.SwitchTransformersEncoder"),
        "Decoder": Import(".model.SwitchTransformersDecoder"),
        "Model": Import(".model.SwitchTransformersModel"),
        "EncoderModel": Import(".model.SwitchTransformersEncoderModel"),
        "ForConditionalGeneration": Import(".model.SwitchTransformersForConditionalGeneration"),
    },
    {"model": ["SwitchTransformersSparseMLP", "SwitchTransformersTop1Router"]},
)
