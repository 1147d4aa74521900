"""LLaMA (Touvron et al. 2023) and its successors: a decoder with rotary positions, RMS norms and a gated MLP.

Differs from GPT-2: norms without mean or bias before each half of a block, rotary instead of learned positions, SiLU-gated
MLP, no biases, and fewer key/value heads than query heads (grouped queries, Ainslie et al. 2023).

Paper: https://arxiv.org/abs/2302.13971
"""

from typing import ClassVar

from ...core.kinds import Size
from ...core.plugins import lazy
from ...modeling.decoder_config import DecoderConfig


class LlamaConfig(DecoderConfig):
    """Hyperparameters; the defaults are LLaMA 7B's."""

    model_type: ClassVar[str] = "llama"
    divided_at_once: ClassVar[tuple[str, ...]] = ("num_attention_heads",)

    attention_bias: bool = False
    mlp_bias: bool = False
    head_dim: Size | None = None


TASKS = {
    "base": "LlamaModel",
    "causal-lm": "LlamaForCausalLM",
    "sequence-classification": "LlamaForSequenceClassification",
    "token-classification": "LlamaForTokenClassification",
    "question-answering": "LlamaForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "LlamaTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["LlamaPreTrainedModel", *TASKS.values()],
        "tokenizer": ["LlamaTokenizer", "LlamaTokenizerFast"],
    },
)
