"""The modules of XGLM. Parameter names are the published ones."""

from typing import Any

from torch import Tensor
from torch.nn.functional import dropout

from ...core.outputs import BaseModelOutputWithPast
from ...modeling.base import PreTrainedModel
from ...modeling.config import PreTrainedConfig
from ...modeling.decoder_stack import DecoderStack
from ...modeling.heads.causal_lm import CausalLM
from ...modeling.recording import Stack
from ...modeling.seq2seq_layers import Seq2SeqLayer
from ...nn.alias import Alias
from ...nn.embeddings import ComputedPositions
from ...nn.part_order import put_last
from . import XGLMConfig

FIRST_ROW = 2  # of the sinusoids that text uses


class XGLMDecoderLayer(Seq2SeqLayer):
    """x + attention(norm(x)), perhaps x + attention(norm(x), memory), then x + mlp(norm(x))."""

    is_decoder, norm_first = True, True
    embed_dim = Alias("self_attn.embed_dim")

    def __init__(self, config: PreTrainedConfig, layer_idx: int) -> None:
        super().__init__(config, layer_idx)
        put_last(self, "self_attn_layer_norm", "fc1", "fc2", "final_layer_norm")

    def looks_at_memory(self, config: PreTrainedConfig) -> bool:
        return config.add_cross_attention


class XGLMSinusoidalPositionalEmbedding(ComputedPositions):
    """Sinusoids from the row `FIRST_ROW` on. The row that has the padding token's number is zero, also within a text."""

    def __init__(self, config: XGLMConfig) -> None:
        super().__init__(config.max_position_embeddings + FIRST_ROW, config.d_model, first=FIRST_ROW)
        self.padding_idx = config.pad_token_id

    def forward(self, position_ids: Tensor, past_key_values_length: int = 0) -> Tensor:  # type: ignore[override]
        """(B or 1, T), behind `past_key_values_length` others -> (B or 1, T, D) in fp32."""
        rows = position_ids + past_key_values_length + FIRST_ROW
        positions = self.at(rows)
        return positions if self.padding_idx is None else positions * (rows != self.padding_idx).unsqueeze(-1)


class XGLMPreTrainedModel(PreTrainedModel):
    """What all XGLM classes share."""

    config_class = XGLMConfig
    base_model_prefix = "model"
    stacks = {"": Stack("layers", final="layer_norm")}
    _no_split_modules = ["XGLMDecoderLayer"]
    _keys_to_ignore_on_load_unexpected = [r"embed_positions\.weights$"]
    config: XGLMConfig


class XGLMModel(DecoderStack, XGLMPreTrainedModel):
    """The decoder without a head."""

    layer_class = XGLMDecoderLayer
    embedding_name, zero_padding, packs = "embed_tokens", True, False
    max_target_positions = Alias("config.max_position_embeddings")

    def __init__(self, config: XGLMConfig) -> None:
        super().__init__(config)
        self.layerdrop, self.dropout = config.layerdrop, config.dropout

    def embedding_scale(self, config: XGLMConfig) -> float:
        return config.d_model**0.5 if config.scale_embedding else 1.0

    def add_entry(self, config: XGLMConfig) -> None:
        self.embed_positions = XGLMSinusoidalPositionalEmbedding(config)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        return dropout(x + self.embed_positions(position_ids).to(x.dtype), self.dropout, self.training)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        encoder_hidden_states: Tensor | None = None,
        encoder_attention_mask: Tensor | None = None,
        past_key_values: Any = None,
        inputs_embeds: Tensor | None = None,
        *,
        use_cache: bool | None = None,
    ) -> BaseModelOutputWithPast:
        """input_ids, position_ids (B, T) or inputs_embeds (B, T, D); attention_mask (B, past + T).

        encoder_hidden_states (B, S, D) and encoder_attention_mask (B, S): what a model with cross-attention looks at.
        """
        return self.decode(
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            encoder_hidden_states=encoder_hidden_states,
            encoder_attention_mask=encoder_attention_mask,
            use_cache=use_cache,
        )


class XGLMForCausalLM(CausalLM, XGLMPreTrainedModel):
    """XGLM with a language-modelling head."""

    backbone_class = XGLMModel
    _tied_weights_keys = {"lm_head.weight": "model.embed_tokens.weight"}

    def further_for_loss(self) -> dict[str, Any]:
        return {"pad_token_id": self.config.pad_token_id}
