"""T5 (Raffel et al. 2020), v1.1 and Flan-T5: an encoder-decoder that turns every task into text.

Differs from BERT and GPT-2: no position embeddings but a learned bias per bucket of distances, added to the attention scores
and shared by all layers of a stack; RMS norms before each half of a block; no scaling of the scores and no linear biases.
v1.1 and Flan gate the MLP (`feed_forward_proj="gated-gelu"`) and have an output layer of their own.

Paper: https://arxiv.org/abs/1910.10683
"""

from typing import Annotated, ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Depth, Length, Range, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig
from ...nn.activation_names import ACTIVATION_NAMES

Buckets = Annotated[int, Range(4, 2**20)]  # of distances: two for each side of a token, near and far


class T5Config(PreTrainedConfig):
    """Hyperparameters; the defaults are T5 small's.

    `feed_forward_proj` is the name of an activation, with `gated-` before it for a gated MLP; `gated-gelu` means the tanh
    approximation of GELU; where they are set, `dense_act_fn` and `is_gated_act` say instead what the activation is, and whether
    there is a gate. `scale_decoder_outputs` (by default what `tie_word_embeddings` says) multiplies the decoder's
    states by D^-0.5 before the output layer; False says that this layer has weights of its own, as in v1.1, unless a file that
    is opened has none.
    """

    model_type: ClassVar[str] = "t5"
    attribute_map: ClassVar[dict[str, str]] = {
        "hidden_size": "d_model",
        "num_attention_heads": "num_heads",
        "num_hidden_layers": "num_layers",
        "head_dim": "d_kv",
    }

    is_encoder_decoder: bool = True
    vocab_size: Length = 32128
    d_model: Size = 512
    d_kv: Size = 64
    d_ff: Size = 2048
    num_layers: Depth = 6
    num_decoder_layers: Depth | None = None
    num_heads: Size = 8
    relative_attention_num_buckets: Buckets = 32
    relative_attention_max_distance: Length = 128
    dropout_rate: Rate = 0.1
    layer_norm_epsilon: Rate = 1e-6
    initializer_factor: Amount = 1.0
    feed_forward_proj: str = "relu"
    dense_act_fn: str | None = None
    is_gated_act: bool | None = None
    scale_decoder_outputs: bool | None = None
    pad_token_id: int | None = 0
    eos_token_id: int | list[int] | None = 1
    decoder_start_token_id: int | None = None
    classifier_dropout: Rate = 0.0
    is_decoder: bool = False
    use_cache: bool = True
    tie_word_embeddings: bool = True

    def validate(self) -> None:
        super().validate()
        if self.num_decoder_layers is None:
            self.num_decoder_layers = self.num_layers
        gate, dash, name = self.feed_forward_proj.rpartition("-")
        name = "gelu_new" if (gate, name) == ("gated", "gelu") else name
        if gate not in ("", "gated") or (dash and not gate) or name not in ACTIVATION_NAMES:
            raise ConfigError(
                f"{type(self).__name__}: feed_forward_proj is {self.feed_forward_proj!r}; expected an activation, or 'gated-'"
                f" and an activation, such as 'relu' or 'gated-gelu'. Known activations: {', '.join(ACTIVATION_NAMES)}"
            )
        self.dense_act_fn = name if self.dense_act_fn is None else self.dense_act_fn
        if self.dense_act_fn not in ACTIVATION_NAMES:
            known = ", ".join(ACTIVATION_NAMES)
            raise ConfigError(f"{type(self).__name__}: dense_act_fn is {self.dense_act_fn!r:.60}; expected one of {known}")
        self.is_gated_act = gate == "gated" if self.is_gated_act is None else self.is_gated_act
        self.settle_output_layer()

    def settle_output_layer(self) -> None:
        """Each of scaling and tying says the other where only one of them is said."""
        if self.scale_decoder_outputs is None:
            self.scale_decoder_outputs = self.tie_word_embeddings
        elif not self.scale_decoder_outputs:
            self.tie_word_embeddings = False

    def layer_kinds(self) -> tuple[str, ...]:
        """The kinds of the decoder's layers."""
        return ("full_attention",) * (self.num_decoder_layers or 0)


TASKS = {
    "base": "T5Model",
    "seq2seq-lm": "T5ForConditionalGeneration",
    "text-encoding": "T5EncoderModel",
    "sequence-classification": "T5ForSequenceClassification",
    "token-classification": "T5ForTokenClassification",
    "question-answering": "T5ForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "T5Tokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "model": ["T5PreTrainedModel", *TASKS.values()],
        "tokenizer": ["T5Tokenizer", "T5TokenizerFast"],
    },
)
