"""The modules of LLaMA. Parameter names are the published ones."""

from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPast
from ...modeling.base import PreTrainedModel
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.attention import Attend, LayerCache, merge_heads, split_heads
from ...nn.inputs import one_of
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask, decoder_frame
from ...nn.norm import RMSNorm
from ...nn.rope import Rotary, rotate_both
from . import LlamaConfig


class LlamaAttention(nn.Module):
    """Causal self-attention with rotary positions and grouped key/value heads."""

    def __init__(self, config: LlamaConfig, layer_idx: int) -> None:
        super().__init__()
        size, heads = config.hidden_size, config.num_attention_heads
        groups, head = config.num_key_value_heads or heads, config.head_dim or size // heads
        self.layer_idx, self.head_dim = layer_idx, head
        self.q_proj = nn.Linear(size, heads * head, bias=config.attention_bias)
        self.k_proj = nn.Linear(size, groups * head, bias=config.attention_bias)
        self.v_proj = nn.Linear(size, groups * head, bias=config.attention_bias)
        self.o_proj = nn.Linear(heads * head, size, bias=config.attention_bias)
        self.attend = Attend(default_scaling(head), config.attention_dropout)

    def forward(self, x: Tensor, mask: Mask, rotary: tuple[Tensor, Tensor], cache: LayerCache | None) -> Tensor:
        query, key, value = (split_heads(project(x), self.head_dim) for project in (self.q_proj, self.k_proj, self.v_proj))
        query, key = rotate_both(query, key, *rotary)
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        return self.o_proj(merge_heads(self.attend(query, key, value, mask)))


class LlamaMLP(nn.Module):
    """down(act(gate(x)) * up(x)) (Shazeer 2020, SwiGLU)."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.up_proj = nn.Linear(config.hidden_size, config.intermediate_size, bias=config.mlp_bias)
        self.down_proj = nn.Linear(config.intermediate_size, config.hidden_size, bias=config.mlp_bias)
        self.act = activation(config.hidden_act)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(self.act(self.gate_proj(x)) * self.up_proj(x))


class LlamaDecoderLayer(Layer):
    """x + attention(norm(x)), then x + mlp(norm(x))."""

    def __init__(self, config: LlamaConfig, layer_idx: int) -> None:
        super().__init__()
        self.self_attn = LlamaAttention(config, layer_idx)
        self.mlp = LlamaMLP(config)
        self.input_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.post_attention_layernorm = RMSNorm(config.hidden_size, config.rms_norm_eps)

    def forward(self, x: Tensor, mask: Mask, rotary: tuple[Tensor, Tensor], cache: LayerCache | None) -> Tensor:
        x = x + self.self_attn(self.input_layernorm(x), mask, rotary, cache)
        return x + self.mlp(self.post_attention_layernorm(x))


class LlamaPreTrainedModel(PreTrainedModel):
    """What all LLaMA classes share."""

    config_class = LlamaConfig
    base_model_prefix = "model"
    stacks = {"": Stack("layers", final="norm")}
    _no_split_modules = ["LlamaDecoderLayer"]
    config: LlamaConfig


class LlamaModel(LlamaPreTrainedModel):
    """The decoder without a head."""

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size, config.padding_row)
        self.layers = nn.ModuleList(LlamaDecoderLayer(config, i) for i in range(config.num_hidden_layers))
        self.norm = RMSNorm(config.hidden_size, config.rms_norm_eps)
        self.rotary_emb = Rotary(config.rope_parameters or {}, config.head_dim or 0, config.max_position_embeddings)

    def get_input_embeddings(self) -> nn.Module:
        return self.embed_tokens

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        position_ids: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T); position_ids (B, T)."""
        one_of(input_ids, inputs_embeds)
        x = self.embed_tokens(input_ids) if inputs_embeds is None else inputs_embeds
        cache = self.start_cache(past_key_values, use_cache)
        mask, position_ids = decoder_frame(x, attention_mask, position_ids, cache, limit=self.rotary_emb.reach)
        rotary = self.rotary_emb(position_ids, x.dtype)
        for layer in self.layers:
            x = layer(x, mask, rotary, cache)
        return BaseModelOutputWithPast(last_hidden_state=self.norm(x), past_key_values=cache)


class LlamaForCausalLM(CausalLM, LlamaPreTrainedModel):
    """LLaMA with a language-modelling head."""

    backbone_class = LlamaModel
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}


class LlamaForSequenceClassification(LastTokenClassifier, LlamaPreTrainedModel):
    """LLaMA that classifies a text by its last token."""

    backbone_class = LlamaModel


class LlamaForTokenClassification(TokenClassifier, LlamaPreTrainedModel):
    """LLaMA that labels each token."""

    backbone_class = LlamaModel
    head_name = "score"


class LlamaForQuestionAnswering(QuestionAnswering, LlamaPreTrainedModel):
    """LLaMA that marks the answer to a question in the text."""

    backbone_class = LlamaModel
    base_model_prefix = "transformer"
