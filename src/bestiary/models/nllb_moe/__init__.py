"""NLLB-MoE (NLLB Team 2022, section 6.2): M2M-100 whose MLPs, in every n-th layer, are mixtures; each token has two experts.

Differs from M2M-100: the mixtures, and names within a layer. Padding is sent to no expert.

Paper: https://arxiv.org/abs/2207.04672
"""

from typing import TYPE_CHECKING, ClassVar, Literal

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Experts, Length, Rate, Size
from ...modeling.seq2seq_config import Seq2SeqConfig
from ...modeling.variant import Import, variant
from .. import bart


class NllbMoeConfig(Seq2SeqConfig):
    """Hyperparameters; the defaults are those of NLLB-MoE 54B, but for its sizes.

    Every `encoder_sparse_step`-th layer of the encoder has a mixture of `num_experts` (0: none has), and so in the decoder. In
    training an expert takes `expert_capacity` tokens of a batch, else `moe_eval_capacity_token_fraction` of them (below 0: as
    in training). The second expert of a token is always taken ("all"), drawn ("sampling"), or taken by a chance that grows with
    its share ("random"). With `batch_prioritized_routing` the surest tokens come first. `moe_token_dropout` is the rate at
    which experts' outputs are dropped in training; else they are scaled by the rest.
    """

    model_type: ClassVar[str] = "nllb-moe"

    vocab_size: Length = 128112
    max_position_embeddings: Length = 1024
    encoder_layerdrop: Rate = 0.05
    decoder_layerdrop: Rate = 0.05
    activation_function: str = "relu"
    attention_dropout: Rate = 0.1
    scale_embedding: bool = True
    router_bias: bool = False
    router_dtype: Literal["float32", "float16", "bfloat16"] = "float32"
    router_ignore_padding_tokens: bool = False
    num_experts: Experts = 128
    expert_capacity: Size | None = 64
    encoder_sparse_step: Count = 4
    decoder_sparse_step: Count = 4
    router_z_loss_coef: Amount = 0.001
    router_aux_loss_coef: Amount = 0.001
    second_expert_policy: Literal["all", "sampling", "random"] = "all"
    normalize_router_prob_before_dropping: bool = False
    batch_prioritized_routing: bool = False
    moe_eval_capacity_token_fraction: float = 1.0
    moe_token_dropout: Rate = 0.2
    output_router_logits: bool = False
    pad_token_id: int | None = 1
    bos_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 2
    decoder_start_token_id: int | None = 2

    def validate(self) -> None:
        super().validate()
        if self.num_experts < 2 and (self.encoder_sparse_step or self.decoder_sparse_step):
            raise ConfigError(
                f"NllbMoeConfig: num_experts is {self.num_experts}, and each token has two experts; expected 2 or more"
            )

    def is_sparse(self, layer: int, decoder: bool) -> bool:
        """Whether a layer of the decoder, or of the encoder, has a mixture."""
        step = self.decoder_sparse_step if decoder else self.encoder_sparse_step
        return step > 0 and (layer + 1) % step == 0


TASKS = {
    "base": "NllbMoeModel",
    "seq2seq-lm": "NllbMoeForConditionalGeneration",
}

PREPROCESSORS = {"tokenizer": "NllbTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(
    __name__,
    NllbMoeConfig,
    TASKS,
    bart,
    {
        "PreTrainedModel": {"stacks": bart.NORMED},
        "ForCausalLM": bart.NORMS_FIRST["ForCausalLM"],
        "Half": Import("bestiary.models.m2m_100.model.M2M100Half"),
        "EncoderLayer": Import(".model.NllbMoeEncoderLayer"),
        "DecoderLayer": Import(".model.NllbMoeDecoderLayer"),
        "Encoder": Import(".model.NllbMoeEncoder"),
        "Decoder": Import(".model.NllbMoeDecoder"),
        "Model": Import(".model.NllbMoeModel"),
        "ForConditionalGeneration": Import(".model.NllbMoeForConditionalGeneration"),
    },
    {"model": ["NllbMoeSparseMLP", "NllbMoeTop2Router"]},
)
