"""The modules of GPT-2. Parameter names and layouts are the published ones."""

import math
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from ...core.outputs import BaseModelOutputWithPast
from ...modeling.base import PreTrainedModel
from ...modeling.cross_attention import look_at
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.heads.double_heads import DoubleHeads, DoubleHeadsOutput, SequenceSummary
from ...modeling.heads.headed import classifier_dropout
from ...modeling.heads.question_answering import QuestionAnswering
from ...modeling.heads.sequence_classification import LastTokenClassifier
from ...modeling.heads.token_classification import TokenClassifier
from ...modeling.pruning import HeadWeights
from ...modeling.recording import Stack
from ...nn.activations import activation
from ...nn.alias import Alias
from ...nn.attention import Attend, HasHeads, cached, merge_heads, split_heads
from ...nn.conv import Conv1D
from ...nn.embeddings import LearnedPositions
from ...nn.init import start_usually
from ...nn.inputs import one_of
from ...nn.kernels import default_scaling
from ...nn.layer import Layer
from ...nn.masks import Mask, decoder_frame
from . import GPT2Config


class BranchEnd(Conv1D):
    """The projection that ends a residual branch; it starts smaller, so that the sum over the depth does not grow."""


class GPT2Attention(HasHeads):
    """Causal self-attention, or, as cross-attention, attention to an encoder's states (`memory`)."""

    split_size = Alias("embed_dim")

    def __init__(self, config: GPT2Config, layer_idx: int, cross: bool = False) -> None:
        super().__init__()
        size = config.n_embd
        self.layer_idx, self.head_dim = layer_idx, size // config.n_head
        self.reorder_and_upcast_attn, self.scale_attn_weights = config.reorder_and_upcast_attn, config.scale_attn_weights
        self.c_attn = Conv1D((2 if cross else 3) * size, size)
        self.q_attn = Conv1D(size, size) if cross else None
        self.c_proj = BranchEnd(size, size)
        self.resid_dropout = nn.Dropout(config.resid_pdrop)
        scaling = default_scaling(self.head_dim) if self.scale_attn_weights else 1.0
        if config.scale_attn_by_inverse_layer_idx:
            scaling /= layer_idx + 1
        self.attend = Attend(scaling, config.attn_pdrop, cross=cross)

    @property
    def sizes(self) -> tuple[int, int]:
        return self.c_proj.nx, self.c_proj.nf

    def keys_values(self, memory: Tensor) -> tuple[Tensor, Tensor]:
        """(B, S, D) -> (B, H, S, K) twice."""
        key, value = self.c_attn(memory).chunk(2, dim=-1)
        return split_heads(key, self.head_dim), split_heads(value, self.head_dim)

    def forward(self, x: Tensor, mask: Mask | None, cache: Any, *, memory: Tensor | None = None) -> Tensor:
        if self.q_attn is not None and memory is not None:
            query = split_heads(self.q_attn(x), self.head_dim)
            key, value = cached(self.keys_values, x, memory, cache, self.layer_idx)
        else:
            query, key, value = (split_heads(part, self.head_dim) for part in self.c_attn(x).chunk(3, dim=-1))
            if cache is not None:
                key, value = cache.update(key, value, self.layer_idx)
        if self.reorder_and_upcast_attn:
            query, key, value = query.float(), key.float(), value.float()
        output: Tensor = self.resid_dropout(self.c_proj(merge_heads(self.attend(query, key, value, mask)).to(x.dtype)))
        return output


class GPT2MLP(nn.Module):
    """c_proj(act(c_fc(x)))."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        inner = config.n_inner or 4 * config.n_embd
        self.c_fc = Conv1D(inner, config.n_embd)
        self.c_proj = BranchEnd(config.n_embd, inner)
        self.act = activation(config.activation_function)
        self.dropout = nn.Dropout(config.resid_pdrop)

    def forward(self, x: Tensor) -> Tensor:
        output: Tensor = self.dropout(self.c_proj(self.act(self.c_fc(x))))
        return output


class GPT2Block(Layer):
    """x + attention(norm(x)), perhaps x + attention(norm(x), memory), then x + mlp(norm(x))."""

    def __init__(self, config: GPT2Config, layer_idx: int) -> None:
        super().__init__()
        size, eps, cross = config.n_embd, config.layer_norm_epsilon, config.add_cross_attention
        self.ln_1 = nn.LayerNorm(size, eps)
        self.attn = GPT2Attention(config, layer_idx)
        self.ln_2 = nn.LayerNorm(size, eps)
        self.crossattention = GPT2Attention(config, layer_idx, cross=True) if cross else None
        self.ln_cross_attn = nn.LayerNorm(size, eps) if cross else None
        self.mlp = GPT2MLP(config)

    def forward(
        self, x: Tensor, mask: Mask, cache: Any, *, memory: Tensor | None = None, memory_mask: Mask | None = None
    ) -> Tensor:
        x = x + self.attn(self.ln_1(x), mask, cache)
        if self.crossattention is not None and self.ln_cross_attn is not None and memory is not None:
            x = x + self.crossattention(self.ln_cross_attn(x), memory_mask, cache, memory=memory)
        output: Tensor = x + self.mlp(self.ln_2(x))
        return output


class GPT2PreTrainedModel(PreTrainedModel):
    """What all GPT-2 classes share."""

    config_class = GPT2Config
    base_model_prefix = "transformer"
    stacks = {"": Stack("h", final="ln_f")}
    head_weights = HeadWeights(("attn.c_attn",), "attn.c_proj")
    kind_starts = {BranchEnd: lambda end, config: start_usually(end, config.initializer_range / math.sqrt(2 * config.n_layer))}
    _no_split_modules = ["GPT2Block"]
    _keys_to_ignore_on_load_unexpected = [r"(^|\.)(attn|crossattention)\.(masked_)?bias$"]  # causal masks, once saved
    config: GPT2Config


class GPT2Model(GPT2PreTrainedModel):
    """The decoder without a head."""

    embed_dim = Alias("config.n_embd")

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.wte = nn.Embedding(config.vocab_size, config.n_embd)
        self.wpe = LearnedPositions(config.n_positions, config.n_embd)
        self.drop = nn.Dropout(config.embd_pdrop)
        self.h = nn.ModuleList(GPT2Block(config, i) for i in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, config.layer_norm_epsilon)

    def get_input_embeddings(self) -> nn.Module:
        return self.wte

    def forward(
        self,
        input_ids: Tensor | None = None,
        past_key_values: Any = None,
        attention_mask: Tensor | None = None,
        *,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        token_type_ids (B, T) are tokens whose embeddings are added. encoder_hidden_states (B, S, D) and
        encoder_attention_mask (B, S): what a model with cross-attention looks at.
        """
        one_of(input_ids, inputs_embeds)
        x = self.wte(input_ids) if inputs_embeds is None else inputs_embeds
        memory, cache = encoder_hidden_states, self.start_cache(past_key_values, use_cache)
        memory_mask, cache = look_at(self, memory, encoder_attention_mask, x, cache)
        mask, position_ids = decoder_frame(x, attention_mask, position_ids, cache)
        x = x + self.wpe(position_ids)
        x = self.drop(x if token_type_ids is None else x + self.wte(token_type_ids))
        for block in self.h:
            x = block(x, mask, cache, memory=memory, memory_mask=memory_mask)
        return BaseModelOutputWithPast(last_hidden_state=self.ln_f(x), past_key_values=cache)


class GPT2LMHeadModel(CausalLM, GPT2PreTrainedModel):
    """GPT-2 with a language-modelling head."""

    backbone_class = GPT2Model
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPT2SequenceSummary(SequenceSummary):
    """One vector for a text: one of its states (or their mean), projected, as the `summary_*` fields say."""


@dataclass
class GPT2DoubleHeadsModelOutput(DoubleHeadsOutput):
    """`logits` (B, choices, T, V) and `mc_logits` (B, choices), with the losses of both."""


class GPT2DoubleHeadsModel(DoubleHeads, GPT2PreTrainedModel):
    """GPT-2 with a language-modelling head and a score for each of several texts (RocStories, SWAG)."""

    backbone_class = GPT2Model
    output_class, summary_class = GPT2DoubleHeadsModelOutput, GPT2SequenceSummary
    _tied_weights_keys = {"lm_head.weight": "transformer.wte.weight"}


class GPT2ForSequenceClassification(LastTokenClassifier, GPT2PreTrainedModel):
    """GPT-2 that classifies a text by its last token."""

    backbone_class = GPT2Model


class GPT2ForTokenClassification(TokenClassifier, GPT2PreTrainedModel):
    """GPT-2 that labels each token."""

    backbone_class = GPT2Model

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.dropout = nn.Dropout(classifier_dropout(config, default=0.1))


class GPT2ForQuestionAnswering(QuestionAnswering, GPT2PreTrainedModel):
    """GPT-2 that marks the answer to a question in the text."""

    backbone_class = GPT2Model
