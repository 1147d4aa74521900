"""The modules of T5. Parameter names are the published ones."""

from collections.abc import Container, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ...core.outputs import BaseModelOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.heads.question_answering import Seq2SeqQuestionAnswering
from ...modeling.heads.seq2seq import Seq2SeqLM
from ...modeling.heads.sequence_classification import EndTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...modeling.seq2seq import Half, Seq2SeqPreTrainedModel, TextDecoder, TextEncoder, TextSeq2SeqModel
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ...nn.block import Block
from ...nn.init import Starting, normal, start_usually
from ...nn.layer import Layer, within_half
from ...nn.masks import Mask
from ...nn.norm import RMSNorm
from ...nn.relative import bucket, distances, per_pair, relative_position_bucket
from . import T5Config
from .mlp import T5DenseActDense, T5DenseGatedActDense


class T5LayerNorm(RMSNorm):
    """An RMS norm whose result has the dtype of its weight: behind an MLP kept in fp32, states are fp32 in a 16-bit model."""

    def forward(self, hidden_states: Tensor) -> Tensor:
        return super().forward(hidden_states).to(self.weight.dtype)


class T5Attention(HasHeads, Starting):
    """Attention without scaling; with `has_bias` it owns a table of distances, its own or that of all layers of the stack."""

    query_name = "q"
    order = "hidden_states mask key_value_states position_bias past_key_values"
    names = {"mask": "mask", "memory": "key_value_states"}
    gives = "position_bias attentions"
    relative_attention_num_buckets = Alias("config.relative_attention_num_buckets")
    _relative_position_bucket = staticmethod(relative_position_bucket)

    def __init__(self, config: T5Config, layer_idx: int, is_decoder: bool, has_bias: bool = False, cross: bool = False) -> None:
        super().__init__()
        inner = config.num_heads * config.d_kv
        self.is_decoder, self.relative_attention_max_distance = is_decoder, config.relative_attention_max_distance
        self.layer_idx, self.head_dim, self.has_relative_attention_bias = layer_idx, config.d_kv, has_bias
        self.q = nn.Linear(config.d_model, inner, bias=False)
        self.k = nn.Linear(config.d_model, inner, bias=False)
        self.v = nn.Linear(config.d_model, inner, bias=False)
        self.o = nn.Linear(inner, config.d_model, bias=False)
        # Queries start smaller, in place of a scaling of the scores.
        self.starts = {"q.weight": normal(config.initializer_factor * (config.d_model * config.d_kv) ** -0.5)}
        if has_bias:
            self.relative_attention_bias = nn.Embedding(config.relative_attention_num_buckets, config.num_heads)
            self.starts["relative_attention_bias.weight"] = normal(config.initializer_factor * config.d_model**-0.5)
        self.attend = Attend(1.0, config.dropout_rate, cross=cross)
        self.is_causal = is_decoder and not cross

    def keys_values(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        return split_heads(self.k(x), self.head_dim), split_heads(self.v(x), self.head_dim)

    def position_bias(self, mask: Mask) -> Tensor:
        """The bias (1, H, T, S) of every query and key by their distance. Padding shifts both, so it changes nothing."""
        table, limit = self.relative_attention_bias, self.relative_attention_max_distance
        return per_pair(table(bucket(distances(mask), table.num_embeddings, limit, both_ways=not self.is_decoder)), mask)

    def compute_bias(self, query_length: int, key_length: int, device: Any = None, past_seen_tokens: int = 0) -> Tensor:
        """The bias (1, H, T, S) of T queries, the first of them at place `past_seen_tokens`, and S keys, as scripts call it."""
        device = self.relative_attention_bias.weight.device if device is None else torch.device(device)
        return self.position_bias(Mask(query_length, key_length, device, first_query=past_seen_tokens))

    def further(self, name: str, mask: Mask, values: Mapping[str, Any]) -> Tensor | None:
        bias: Tensor | None = values.get("bias")
        if bias is None and self.has_relative_attention_bias:
            return self.position_bias(mask)
        weight = self.q.weight
        return weight.new_zeros(1, self.num_heads, mask.queries, mask.keys) if bias is None else bias

    def forward(
        self, x: Tensor, mask: Mask | None, cache: Any, *, bias: Tensor | None = None, memory: Tensor | None = None
    ) -> Tensor:
        if bias is None and self.has_relative_attention_bias and mask is not None:
            bias = self.position_bias(mask)
        key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        output: Tensor = self.o(merge_heads(self.attend(split_heads(self.q(x), self.head_dim), key, value, mask, bias)))
        return output


class T5Branch(Block):
    """x + dropout(branch(norm(x))); `name` is what files call the branch."""

    def __init__(self, config: T5Config, name: str, branch: nn.Module) -> None:
        super().__init__()
        self.add_module(name, branch)
        self.layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def add(self, branch: nn.Module, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """The sum; further arguments are the branch's."""
        return within_half(x + self.dropout(branch(self.layer_norm(x), *args, **kwargs)))


class T5LayerSelfAttention(T5Branch):
    """Self-attention.

    Class attributes:
        attention_class: the attention. attention_name: what it is called in files.
        shares_bias: whether only the first of a stack has a table of distances, which all use.
    """

    order = "hidden_states attention_mask position_bias past_key_values"
    gives = "position_bias attentions"
    attention_class: ClassVar[type[T5Attention]] = T5Attention
    attention_name: ClassVar[str] = "SelfAttention"
    shares_bias: ClassVar[bool] = True
    is_causal = Alias("attention.is_causal")

    def __init__(self, config: T5Config, layer_idx: int, is_decoder: bool) -> None:
        has_bias = layer_idx == 0 or not self.shares_bias
        super().__init__(config, self.attention_name, self.attention_class(config, layer_idx, is_decoder, has_bias))

    @property
    def attention(self) -> Any:
        """The attention, whatever it is called."""
        return self._modules[self.attention_name]

    def further(self, name: str, mask: Mask, values: Mapping[str, Any]) -> Tensor | None:
        bias: Tensor | None = self.attention.further(name, mask, values)
        return bias

    def forward(self, x: Tensor, mask: Mask, cache: Any, *, bias: Tensor | None = None) -> Tensor:
        return self.add(self.attention, x, mask, cache, bias=bias)


class T5LayerCrossAttention(T5Branch):
    """Attention to the encoder's output; it has no bias."""

    order = "hidden_states key_value_states attention_mask position_bias past_key_values"
    names = {"memory": "key_value_states"}
    gives = "position_bias attentions"
    EncDecAttention: T5Attention

    def __init__(self, config: T5Config, layer_idx: int) -> None:
        super().__init__(config, "EncDecAttention", T5Attention(config, layer_idx, is_decoder=True, cross=True))

    def further(self, name: str, mask: Mask, values: Mapping[str, Any]) -> Tensor | None:
        return self.EncDecAttention.further(name, mask, values)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor, bias: Tensor | None = None) -> Tensor:
        if mask is not None and mask.padding is not None:  # added to scores, so that a row without a real token has a mean
            mask = replace(mask, additive=torch.zeros((), dtype=x.dtype, device=x.device))
        return self.add(self.EncDecAttention, x, mask, cache, memory=memory, bias=bias)


class T5LayerFF(T5Branch):
    """The MLP."""

    def __init__(self, config: T5Config) -> None:
        mlp = T5DenseGatedActDense(config) if config.is_gated_act else T5DenseActDense(config)
        super().__init__(config, "DenseReluDense", mlp)

    def forward(self, hidden_states: Tensor) -> Tensor:
        return self.add(self.get_submodule("DenseReluDense"), hidden_states)


class T5Block(Layer):
    """Self-attention, in a decoder attention to the encoder, and an MLP, under the published name `layer`."""

    order = (
        "hidden_states attention_mask position_bias encoder_hidden_states encoder_attention_mask"
        " encoder_decoder_position_bias past_key_values"
    )
    gives = "position_bias encoder_decoder_position_bias"
    attention_class: ClassVar[type[T5LayerSelfAttention]] = T5LayerSelfAttention
    is_causal = Alias("layer.0.is_causal")

    def __init__(self, config: T5Config, layer_idx: int, is_decoder: bool) -> None:
        super().__init__()
        cross = [T5LayerCrossAttention(config, layer_idx)] if is_decoder else []
        first, mlp = self.attention(config, layer_idx, is_decoder), self.mlp(config, layer_idx, is_decoder)
        self.layer = nn.ModuleList([first, *cross, mlp])

    def attention(self, config: T5Config, layer_idx: int, is_decoder: bool) -> T5LayerSelfAttention:
        """The block's self-attention."""
        return self.attention_class(config, layer_idx, is_decoder)

    def mlp(self, config: T5Config, layer_idx: int, is_decoder: bool) -> nn.Module:
        """What of the block is behind all attention."""
        return T5LayerFF(config)

    def further(self, name: str, mask: Mask | None, values: Mapping[str, Any]) -> Tensor | None:
        attention: Any = self.layer[0]
        if name != "position_bias":
            attention, mask, values = self.layer[1], values.get("memory_mask"), {}
        bias: Tensor | None = None if mask is None else attention.further(name, mask, values)
        return bias

    def forward(
        self,
        x: Tensor,
        mask: Mask,
        cache: Any = None,
        *,
        bias: Tensor | None = None,
        memory: Tensor | None = None,
        memory_mask: Mask | None = None,
    ) -> Tensor:
        x = self.layer[0](x, mask, cache, bias=bias)
        if memory is not None:
            x = self.layer[1](x, memory_mask, cache, memory=memory)
        output: Tensor = self.layer[-1](x)
        return output


class T5PreTrainedModel(Seq2SeqPreTrainedModel):
    """What all T5 classes share.

    Class attributes:
        always_shares: whether both stacks have one table of words also where the config ties none.
    """

    config_class = T5Config
    base_model_prefix = "transformer"
    stacks = {"encoder_": Stack("encoder.block", "encoder.dropout"), "decoder_": Stack("decoder.block", "decoder.dropout")}
    head_weights = HeadWeights(tuple(f"layer.0.SelfAttention.{name}" for name in "qkv"), "layer.0.SelfAttention.o")
    kernels: ClassVar[tuple[str, ...]] = ("sdpa", "eager", "flex_attention")
    _no_split_modules = ["T5Block"]
    _keep_in_fp32_modules = ["wo"]
    _keys_to_ignore_on_load_unexpected = [r"decoder\.block\.0\.layer\.1\.EncDecAttention\.relative_attention_bias\.weight$"]
    kind_starts = {
        nn.Linear: lambda dense, config: start_usually(dense, config.initializer_factor * dense.in_features**-0.5),
        nn.Embedding: lambda table, config: start_usually(table, config.initializer_factor),
    }
    model_dim = Alias("config.d_model")
    always_shares: ClassVar[bool] = True
    config: Any

    def ties(self) -> dict[str, str]:
        """Both stacks share one table of words, mostly always; the output layer joins them where the config ties words."""
        tied = {**super().ties(), **(self._tied_weights_keys if self.always_shares else {})}
        if not self.config.tie_word_embeddings:
            tied.pop("lm_head.weight", None)
        return tied

    def _shift_right(self, input_ids: Tensor) -> Tensor:
        """`shifted` under its published name."""
        return self.shifted(input_ids)

    def word_table(self, config: PreTrainedConfig) -> nn.Embedding:
        return nn.Embedding(config.get("vocab_size"), config.get("d_model"))

    def decoder_start(self) -> int | None:
        """The token every decoder input starts with: the config's, else the padding token, as in the paper."""
        start = super().decoder_start()
        return self.config.pad_token_id if start is None else start


class T5Stack(Half, T5PreTrainedModel):
    """What encoder and decoder share."""

    is_decoder: ClassVar[bool] = False
    block_class: ClassVar[type[T5Block]] = T5Block
    stacks = {"": Stack("block", "dropout")}

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        layers = (config.num_decoder_layers or 0) if self.is_decoder else config.num_layers
        self.embed_tokens = self.word_table(config)
        self.block = nn.ModuleList(self.block_class(config, i, self.is_decoder) for i in range(layers))
        self.final_layer_norm = T5LayerNorm(config.d_model, config.layer_norm_epsilon)
        self.dropout = nn.Dropout(config.dropout_rate)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def embed(self, words: Tensor, position_ids: Tensor) -> Tensor:
        output: Tensor = self.dropout(words)
        return output

    def bias(self, mask: Mask) -> Tensor | None:
        first: Any = self.block[0].get_submodule("layer.0")
        return first.attention.position_bias(mask) if first.shares_bias else None

    def finish(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.final_layer_norm(x))
        return output


class T5Encoder(T5Stack, TextEncoder):
    """The encoder."""


class T5Decoder(T5Stack, TextDecoder):
    """The decoder."""

    is_decoder = True


class T5Model(TextSeq2SeqModel, T5PreTrainedModel):
    """Encoder and decoder without a head."""

    encoder_class, decoder_class = T5Encoder, T5Decoder
    _keys_to_ignore_on_load_unexpected = [*T5PreTrainedModel._keys_to_ignore_on_load_unexpected, r"^lm_head\."]


class T5ForConditionalGeneration(Seq2SeqLM, T5Model):
    """T5 with a language-modelling head."""

    _tied_weights_keys = {**T5Model._tied_weights_keys, "lm_head.weight": "shared.weight"}
    _keys_to_ignore_on_load_unexpected = T5PreTrainedModel._keys_to_ignore_on_load_unexpected

    @classmethod
    def tie_as_saved(cls, config: PreTrainedConfig, keys: Container[str]) -> None:
        """A file without an output layer has it tied: since release 5 the config says so whatever the file holds."""
        if "lm_head.weight" not in keys:
            config.tie_word_embeddings = True

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.starts = {"lm_head.weight": normal(config.initializer_factor)}

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        return super().vocabulary_logits(hidden * self.config.d_model**-0.5 if self.config.scale_decoder_outputs else hidden)


class T5EncoderModel(T5PreTrainedModel):
    """The encoder alone."""

    encoder_class: ClassVar[type[T5Encoder]] = T5Encoder
    stacks = {"": Stack("encoder.block", "encoder.dropout")}
    _tied_weights_keys = {"encoder.embed_tokens.weight": "shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^decoder\.", r"^lm_head\."]

    def __init__(self, config: T5Config) -> None:
        super().__init__(config)
        self.shared = self.word_table(config)
        self.encoder = self.encoder_class(config)

    def get_input_embeddings(self) -> nn.Module:
        return self.shared

    def forward(
        self, input_ids: Tensor | None = None, attention_mask: Tensor | None = None, *, inputs_embeds: Tensor | None = None
    ) -> BaseModelOutput:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, T)."""
        encoded: BaseModelOutput = self.encoder(input_ids, attention_mask, inputs_embeds=inputs_embeds, return_dict=True)
        return encoded


class T5ForTokenClassification(TokenClassifier, T5PreTrainedModel):
    """T5's encoder with a label for each token."""

    backbone_class = T5EncoderModel
    stacks = T5EncoderModel.stacks
    _tied_weights_keys = {"transformer.encoder.embed_tokens.weight": "transformer.shared.weight"}
    _keys_to_ignore_on_load_unexpected = [r"^(transformer\.)?decoder\.", r"^lm_head\."]


class T5Reader(T5Model):
    """T5 whose decoder reads the same text as the encoder, one place later."""

    decoder_repeats_text = True


class T5ForSequenceClassification(EndTokenClassifier, T5PreTrainedModel):
    """T5 that classifies a text by the decoder's state at its last end-of-sequence token."""

    backbone_class = T5Reader
    _tied_weights_keys = {f"transformer.{k}": f"transformer.{v}" for k, v in T5Model._tied_weights_keys.items()}
    _keys_to_ignore_on_load_unexpected = T5Model._keys_to_ignore_on_load_unexpected


class T5ForQuestionAnswering(Seq2SeqQuestionAnswering, T5Model):
    """T5 that marks the answer to a question by the decoder's states over the same text."""

    _new_with_head = [r"^qa_outputs\."]
