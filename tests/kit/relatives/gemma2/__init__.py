"""Gemma 2 (Gemma Team 2024): Llama with norms around each half, capped scores and logits, and every other layer windowed."""

from typing import ClassVar

from bestiary.core.kinds import Length, Positive
from bestiary.modeling.decoder_config import DecoderConfig
from bestiary.modeling.variant import Import, variant
from bestiary.models import llama


class Gemma2Config(DecoderConfig):
    """Hyperparameters."""

    model_type: ClassVar[str] = "gemma2"
    attribute_map: ClassVar[dict[str, str]] = {"hidden_act": "hidden_activation"}

    hidden_activation: str = "gelu_pytorch_tanh"
    attention_bias: bool = False
    tie_word_embeddings: bool = True
    query_pre_attn_scalar: Positive = 256
    sliding_window: Length | None = 4096
    layer_types: list[str] | None = None
    final_logit_softcapping: Positive | None = 30.0
    attn_logit_softcapping: Positive | None = 50.0

    def validate(self) -> None:
        super().validate()
        kinds = ("sliding_attention", "full_attention")
        self.layer_types = self.layer_types or [kinds[index % 2] for index in range(self.num_hidden_layers)]


TASKS = {
    "base": "Gemma2Model",
    "causal-lm": "Gemma2ForCausalLM",
    "sequence-classification": "Gemma2ForSequenceClassification",
    "token-classification": "Gemma2ForTokenClassification",
}

NORM = Import("bestiary.nn.norm.ShiftedRMSNorm")

__getattr__, __dir__ = variant(
    __name__,
    Gemma2Config,
    TASKS,
    llama,
    {
        "PreTrainedModel": {"kernels": ("eager", "flex_attention")},
        "Model": {"norm_class": NORM, "embedding_scale": lambda model, config: config.hidden_size**0.5},
        "DecoderLayer": Import(".model.Gemma2DecoderLayer"),
    },
)
