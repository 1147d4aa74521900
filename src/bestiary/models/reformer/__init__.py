"""Reformer (Kitaev et al. 2020): a transformer for very long texts, in training too.

Differs from other encoders and decoders: tokens see their neighbours in some layers, and tokens that were hashed alike in
others; the layers are reversible, so that training keeps no activations; positions have a row and a column, with an embedding
each. Without a `hash_seed` hashing is random, in evaluation too.

Paper: https://arxiv.org/abs/2001.04451
"""

from typing import ClassVar

from ...core.errors import ConfigError
from ...core.kinds import Amount, Count, Depth, Length, Rate, Size
from ...core.plugins import lazy
from ...modeling.config import PreTrainedConfig


class ReformerConfig(PreTrainedConfig):
    """Hyperparameters; the defaults are those of `google/reformer-crime-and-punishment`, shortened, as published.

    `attn_layers` names the attention of each layer, "local" or "lsh". A chunk of `*_attn_chunk_length` tokens sees so many
    `*_num_chunks_before` and `_after` it. Each of `num_hashes` rounds hashes into `num_buckets` buckets, one number or several
    whose product it is; None: how many fit the first text is then written here. `axial_pos_shape` are the numbers of rows and
    of columns of positions, `axial_pos_embds_dim` the widths of their embeddings.
    """

    model_type: ClassVar[str] = "reformer"

    attention_head_size: Size = 64
    attn_layers: list[str] | tuple[str, ...] = ("local", "lsh", "local", "lsh", "local", "lsh")
    axial_norm_std: Amount = 1.0
    axial_pos_embds: bool = True
    axial_pos_shape: list[Length] | tuple[Length, ...] = (64, 64)
    axial_pos_embds_dim: list[Size] | tuple[Size, ...] = (64, 192)
    chunk_size_lm_head: Count = 0
    eos_token_id: int | list[int] | None = 2
    feed_forward_size: Size = 512
    hash_seed: int | None = None
    hidden_act: str = "relu"
    hidden_dropout_prob: Rate = 0.05
    hidden_size: Size = 256
    initializer_range: Amount = 0.02
    layer_norm_eps: Rate = 1e-12
    local_num_chunks_before: Count = 1
    local_num_chunks_after: Count = 0
    local_attention_probs_dropout_prob: Rate = 0.05
    local_attn_chunk_length: Length = 64
    lsh_attn_chunk_length: Length | None = 64
    lsh_attention_probs_dropout_prob: Rate | None = 0.0
    lsh_num_chunks_before: Count | None = 1
    lsh_num_chunks_after: Count | None = 0
    max_position_embeddings: Length = 4096
    num_attention_heads: Size = 12
    num_buckets: Size | list[Size] | None = None
    num_hashes: Size = 1
    vocab_size: Length = 320
    tie_word_embeddings: bool = False
    classifier_dropout: Rate | None = None
    pad_token_id: int | None = 0
    num_hidden_layers: Depth = 6
    is_decoder: bool = False
    use_cache: bool = True
    bos_token_id: int | None = None

    def validate(self) -> None:
        super().validate()
        self.attn_layers, self.num_hidden_layers = list(self.attn_layers), len(self.attn_layers)
        self.axial_pos_shape, self.axial_pos_embds_dim = tuple(self.axial_pos_shape), tuple(self.axial_pos_embds_dim)
        unknown = [kind for kind in self.attn_layers if kind not in ("local", "lsh")]
        if unknown:
            raise ConfigError(f"ReformerConfig: attn_layers name {unknown[0]!r:.60}; expected 'local' or 'lsh'")

    @property
    def output_size(self) -> int:
        """The width of the states that a head gets: of both streams."""
        return 2 * self.hidden_size

    def layer_kinds(self) -> tuple[str, ...]:
        return ("linear_attention",) * self.num_hidden_layers  # what a layer keeps are no keys and values


TASKS = {
    "base": "ReformerModel",
    "causal-lm": "ReformerModelWithLMHead",
    "masked-lm": "ReformerForMaskedLM",
    "sequence-classification": "ReformerForSequenceClassification",
    "question-answering": "ReformerForQuestionAnswering",
}

PREPROCESSORS = {"tokenizer": "ReformerTokenizer"}

__getattr__, __dir__ = lazy(
    __name__,
    {
        "cache": ["ReformerDynamicCache"],
        "attention": ["LSHSelfAttention", "LocalSelfAttention"],
        "layers": ["ReformerAttention", "ReformerLayer"],
        "model": ["ReformerPreTrainedModel", *TASKS.values()],
        "tokenizer": ["ReformerTokenizer", "ReformerTokenizerFast"],
    },
)
