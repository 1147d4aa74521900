"""The modules of ESM, top to bottom. Parameter names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn

from ...core.errors import ConfigError
from ...core.outputs import BaseModelOutputWithPoolingAndCrossAttentions
from ...loading.rules import rename
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.cross_attention import look_at
from ...modeling.encoder import ENCODER_ORDER, EncoderLayer, EncoderStack, RotarySelfAttention, text_positions
from ...modeling.heads.headed import WithoutPooler
from ...modeling.heads.masked_lm import MaskedLM
from ...modeling.heads.sequence_classification import FirstTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.block import Block
from ...nn.embeddings import LearnedPositions, numbered
from ...nn.init import Starting, constant
from ...nn.inputs import one_of, warn_of_hidden_rows
from ...nn.layer import Layer
from ...nn.masks import Mask, make_mask
from ...nn.place_buffers import KeepsPlaces, PlaceBuffer
from ...nn.pooling import FirstTokenPooler, pool
from . import EsmConfig

# The share of tokens that were masked while ESM was trained, whose embeddings were zero: 15 % were chosen, 80 % of them masked.
TRAINED_MASK_RATIO = 0.15 * 0.8


class EsmEmbeddings(KeepsPlaces):
    """word + position, perhaps normed, and zero for padding."""

    position_ids = PlaceBuffer()

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        if config.vocab_size is None:
            raise ConfigError("EsmConfig: vocab_size is not set; expected the number of tokens (33 of the published models)")
        size = config.hidden_size
        self.token_dropout, self.mask_token_id = config.token_dropout, config.mask_token_id
        self.padding_idx, self.position_embedding_type = config.pad_token_id, config.position_embedding_type
        self.word_embeddings = nn.Embedding(config.vocab_size, size, config.padding_row)
        self.layer_norm = nn.LayerNorm(size, config.layer_norm_eps) if config.emb_layer_norm_before else None
        self.position_embeddings = None
        if config.position_embedding_type == "absolute":
            self.position_embeddings = LearnedPositions(config.max_position_embeddings, size, config.first_position)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> Tensor:
        """Tokens (B, T), or their embeddings (B, T, D), attention_mask and position_ids (B or 1, T) -> (B, T, D).

        Which tokens are masks only tokens tell. Without positions they are `numbered`.
        """
        x: Tensor = self.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        padding = attention_mask if attention_mask is not None and attention_mask.dim() == 2 else None
        if self.token_dropout and input_ids is not None:
            masked = input_ids == (-1 if self.mask_token_id is None else self.mask_token_id)
            length = x.shape[1] if padding is None else padding.sum(-1)
            kept = 1 - masked.sum(-1).float() / length
            x = x.masked_fill(masked.unsqueeze(-1), 0.0)
            x = (x * (1 - TRAINED_MASK_RATIO) / kept[:, None, None]).to(x.dtype)
        if self.position_embeddings is not None:
            if position_ids is None:
                position_ids = numbered(self.position_embeddings.first, x, input_ids)
            x = x + self.position_embeddings(position_ids)
        if self.layer_norm is not None:
            x = self.layer_norm(x)
        return x if padding is None else (x * padding.unsqueeze(-1)).to(x.dtype)


class EsmRotaryEmbedding(Starting):
    """Cosines and sines of positions by the frequencies that the file holds: some hold them rounded, as they were trained."""

    def __init__(self, config: EsmConfig) -> None:
        super().__init__()
        size, base = config.hidden_size // config.num_attention_heads, config.rope_theta

        def frequencies(buffer: Tensor) -> Tensor:
            return buffer.copy_(1.0 / base ** (torch.arange(0, size, 2, dtype=torch.float32, device=buffer.device) / size))

        self.register_buffer("inv_freq", frequencies(torch.empty(size // 2)))
        self.starts = {"inv_freq": frequencies}

    def forward(self, position_ids: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
        """Positions (B or 1, T) -> cos and sin (B or 1, T, K), computed in fp32 and given in `dtype`."""
        angles = position_ids[..., None].float() * self.get_buffer("inv_freq").float()
        angles = torch.cat((angles, angles), dim=-1)
        return angles.cos().to(dtype), angles.sin().to(dtype)


class EsmOutput(nn.Module):
    """residual + dense(x), the end of each half of a block."""

    def __init__(self, config: Any, size: int) -> None:
        super().__init__()
        self.dense, self.dropout = nn.Linear(size, config.hidden_size), nn.Dropout(config.hidden_dropout_prob)

    def forward(self, hidden_states: Tensor, input_tensor: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.dense(hidden_states)) + input_tensor
        return output


class EsmSelfAttention(RotarySelfAttention):
    """Attention whose queries and keys turn with their positions."""

    dropout_name = ""


class EsmAttention(Block):
    """The first half of a block: x + dense(attention(norm(x)))."""

    order = ENCODER_ORDER
    is_causal = Alias("self.is_causal")

    def __init__(self, config: Any, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        self.self = EsmSelfAttention(config, layer_idx, cross)
        self.output = EsmOutput(config, config.hidden_size)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None, **positions: Any) -> Tensor:
        output: Tensor = self.output(self.self(self.LayerNorm(x), mask, cache, memory=memory, **positions), x)
        return output


class EsmLayer(EncoderLayer):
    """x + attention(norm(x)), perhaps x + attention(norm(x), memory), then x + mlp(norm(x))."""

    attention_class, output_class = EsmAttention, EsmOutput

    def __init__(self, config: Any, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        self.LayerNorm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def feed_forward_chunk(self, x: Tensor) -> Tensor:
        output: Tensor = self.output(self.intermediate(self.LayerNorm(x)), x)
        return output


class EsmEncoder(EncoderStack):
    """The blocks, one after another, and a norm."""

    def __init__(self, config: Any, layer_class: type[Layer] = EsmLayer) -> None:
        super().__init__(config, layer_class)
        self.emb_layer_norm_after = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)

    def forward(self, x: Tensor, mask: Mask, cache: Any, **context: Any) -> Tensor:
        output: Tensor = self.emb_layer_norm_after(super().forward(x, mask, cache, **context))
        return output


class EsmContactPredictionHead(nn.Module):
    """Which amino acids touch, by a logistic regression on the attentions of all heads (Rao et al. 2021)."""

    def __init__(self, in_features: int, eos_idx: int = 2) -> None:
        super().__init__()
        self.eos_idx, self.regression, self.activation = eos_idx, nn.Linear(in_features, 1), torch.sigmoid

    def forward(self, tokens: Tensor, attentions: Tensor) -> Tensor:
        """tokens (B, T) and attentions (B, layers, H, T, T) -> (B, T - 2, T - 2), without the first and the last token."""
        inner = (tokens != self.eos_idx).to(attentions)
        inner = (inner.unsqueeze(1) * inner.unsqueeze(2))[:, None, None]
        maps = (attentions * inner)[..., 1:-1, 1:-1].flatten(1, 2)
        maps = maps + maps.mT
        # What two amino acids share with all others is taken off (average product correction, Dunn et al. 2008).
        shared = maps.sum(-1, keepdim=True) * maps.sum(-2, keepdim=True) / maps.sum((-1, -2), keepdim=True)
        features = (maps - shared).permute(0, 2, 3, 1).to(self.regression.weight.dtype)
        return self.activation(self.regression(features).squeeze(-1))


class EsmPreTrainedModel(PreTrainedModel):
    """What all ESM classes share."""

    config_class = EsmConfig
    base_model_prefix = "esm"
    stacks = {"": Stack("encoder.layer", final="encoder.emb_layer_norm_after")}
    head_weights = HeadWeights(("attention.self.query", "attention.self.key", "attention.self.value"), "attention.output.dense")
    _optional_parts = [r"(^|\.)pooler\."]
    _no_split_modules = ["EsmLayer", "EsmEmbeddings"]
    _keys_to_ignore_on_load_unexpected = [
        *PreTrainedModel._keys_to_ignore_on_load_unexpected,
        r"position_embeddings\.weight",
        r"attention\.self\.rotary_embeddings\.inv_freq$",  # of further layers, equal to the first one's
    ]
    _weight_rules = (
        rename("LayerNorm.gamma", "LayerNorm.weight"),
        rename("LayerNorm.beta", "LayerNorm.bias"),
        rename("encoder.layer.*.attention.self.rotary_embeddings.inv_freq", "rotary_embeddings.inv_freq"),
        rename("encoder.layer.0.attention.self.rotary_embeddings.inv_freq", "rotary_embeddings.inv_freq", reverse=False),
    )
    config: EsmConfig


class EsmModel(EsmPreTrainedModel):
    """The encoder (or, with `config.is_decoder`, decoder) without a head.

    Args:
        add_pooling_layer: also give `pooler_output`, made from the first real token.
    """

    _keys_to_ignore_on_load_unexpected = [*EsmPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\."]

    @property
    def one_text_a_row(self) -> str:  # type: ignore[override]
        """With `token_dropout`, which counts."""
        return "it scales embeddings by the share of masked tokens in a row (token_dropout)" * bool(
            self.embeddings.token_dropout
        )

    def __init__(self, config: EsmConfig, add_pooling_layer: bool = True) -> None:
        super().__init__(config)
        self.position_embedding_type = config.position_embedding_type
        self.embeddings = EsmEmbeddings(config)
        self.rotary_embeddings = EsmRotaryEmbedding(config) if config.position_embedding_type == "rotary" else None
        self.encoder = EsmEncoder(config)
        self.pooler = FirstTokenPooler(config.hidden_size) if add_pooling_layer else None
        self.contact_head = EsmContactPredictionHead(config.num_hidden_layers * config.num_attention_heads)

    def get_input_embeddings(self) -> nn.Module:
        return self.embeddings.word_embeddings

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
    ) -> BaseModelOutputWithPoolingAndCrossAttentions:
        """input_ids, position_ids (B, T), or inputs_embeds (B, T, D), the first block's input as it is; attention_mask (B, T).

        encoder_hidden_states (B, S, D) and encoder_attention_mask (B, S): what a decoder with cross-attention looks at.
        """
        one_of(input_ids, inputs_embeds)
        warn_of_hidden_rows(attention_mask)
        x = self.embeddings.word_embeddings(input_ids) if inputs_embeds is None else inputs_embeds
        mask = make_mask(x.shape[1], x.device, attention_mask, causal=self.config.is_decoder)
        if position_ids is None:  # only the table has a row for padding, which ids tell where no mask does
            ids = input_ids if self.rotary_embeddings is None else None
            position_ids = text_positions(self.config, x, ids, attention_mask)
        if input_ids is not None:
            x = self.embeddings(input_ids, attention_mask, position_ids)
        memory_mask, _ = look_at(self, encoder_hidden_states, encoder_attention_mask, x, None)
        rotary = None if self.rotary_embeddings is None else self.rotary_embeddings(position_ids, x.dtype)
        x = self.encoder(x, mask, None, memory=encoder_hidden_states, memory_mask=memory_mask, rotary=rotary)
        pooled = None if self.pooler is None else pool(self.pooler, x, mask.padding)
        return BaseModelOutputWithPoolingAndCrossAttentions(last_hidden_state=x, pooler_output=pooled)

    def predict_contacts(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """Probabilities (B, T - 2, T - 2) that two amino acids of `tokens` (B, T) touch; attention_mask (B, T)."""
        output = self(tokens, attention_mask, output_attentions=True, return_dict=True)
        attentions = torch.stack(list(output.attentions or ()), dim=1)
        real = attention_mask.to(attentions.dtype)[:, None, None, None, :]
        contacts: Tensor = self.contact_head(tokens, attentions * real * real.mT)
        return contacts


class EsmLMHead(Starting):
    """decoder(norm(gelu(dense(x)))) + bias: logits over the vocabulary."""

    starts = {"bias": constant(0)}

    def __init__(self, config: Any) -> None:
        super().__init__()
        self.dense, self.act = nn.Linear(config.hidden_size, config.hidden_size), activation("gelu")
        self.layer_norm = nn.LayerNorm(config.hidden_size, config.layer_norm_eps)
        self.decoder = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.bias = nn.Parameter(torch.zeros(config.vocab_size))

    def forward(self, features: Tensor) -> Tensor:
        """(..., D) -> (..., V)."""
        output: Tensor = self.decoder(self.layer_norm(self.act(self.dense(features)))) + self.bias
        return output


class EsmHeaded(WithoutPooler, EsmPreTrainedModel):
    """A head that needs no pooled state."""

    esm: EsmModel
    backbone_class = EsmModel
    _keys_to_ignore_on_load_unexpected = [*EsmPreTrainedModel._keys_to_ignore_on_load_unexpected, r"(^|\.)pooler\."]


class EsmForMaskedLM(MaskedLM, EsmHeaded):
    """ESM that fills in masked amino acids."""

    _tied_weights_keys = {"lm_head.decoder.weight": "esm.embeddings.word_embeddings.weight"}

    def add_head(self, config: PreTrainedConfig) -> None:
        self.lm_head = EsmLMHead(config)

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        output: Tensor = self.lm_head(hidden)
        return output

    def get_output_embeddings(self) -> nn.Module:
        return self.get_submodule("lm_head.decoder")

    def vocabulary_biases(self) -> list[tuple[nn.Module, str]]:
        return [(self.lm_head, "bias")]

    def predict_contacts(self, tokens: Tensor, attention_mask: Tensor) -> Tensor:
        """Probabilities (B, T - 2, T - 2) that two amino acids of `tokens` (B, T) touch; attention_mask (B, T)."""
        return self.esm.predict_contacts(tokens, attention_mask)


class EsmForSequenceClassification(FirstTokenClassifier, EsmHeaded):
    """ESM that classifies a protein."""


class EsmForTokenClassification(TokenClassifier, EsmHeaded):
    """ESM that labels each amino acid."""
