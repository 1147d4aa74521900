"""GPT-2 (Radford et al. 2019): a decoder with learned positions and a norm before each half of a block.

Differs from BERT: tokens see only what came before, norms stand inside the residual branches, and weights are stored
(in, out). With `add_cross_attention` it also looks at an encoder.

Paper: https://cdn.openai.com/better-language-models/language_models_are_unsupervised_multitask_learners.pdf
"""

from typing import ClassVar

from ...core.kinds import Amount, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class GPT2Config(PreTrainedConfig):
    """Hyperparameters; the defaults are those of the smallest GPT-2.

    Attention scores are divided by sqrt(head size) (`scale_attn_weights`) and by the layer's number
    (`scale_attn_by_inverse_layer_idx`), and computed in fp32 (`reorder_and_upcast_attn`; Mistral of Stanford CRFM). The
    `summary_*` fields are for `GPT2DoubleHeadsModel`: which state stands for a text, and what follows it.
    """

    model_type: ClassVar[str] = "gpt2"
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
    activation_function: str = "gelu_new"
    resid_pdrop: Rate = 0.1
    embd_pdrop: Rate = 0.1
    attn_pdrop: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-5
    initializer_range: Amount = 0.02
    summary_type: str = "cls_index"
    summary_use_proj: bool = True
    summary_activation: str | None = None
    summary_proj_to_labels: bool = True
    summary_first_dropout: Rate = 0.1
    scale_attn_weights: bool = True
    scale_attn_by_inverse_layer_idx: bool = False
    reorder_and_upcast_attn: bool = False
    bos_token_id: int | None = 50256
    eos_token_id: int | list[int] | None = 50256
    add_cross_attention: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True
    pad_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.divides("n_embd", "n_head")


TASKS = {
    "base": "GPT2Model",
    "causal-lm": "GPT2LMHeadModel",
    "double-heads": "GPT2DoubleHeadsModel",
    "sequence-classification": "GPT2ForSequenceClassification",
    "token-classification": "GPT2ForTokenClassification",
    "question-answering": "GPT2ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "GPT2Tokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["GPT2PreTrainedModel", "GPT2DoubleHeadsModelOutput", *TASKS.values()],
        "tokenizer": ["GPT2Tokenizer", "GPT2TokenizerFast"],
    },
)
