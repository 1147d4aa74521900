"""The floor that Llama and its relatives stand on: a decoder with rotary positions and RMS norms."""

from typing import Any, ClassVar, cast

import torch
from torch import Tensor, nn

from ..core.outputs import BaseModelOutputWithPast
from ..nn.norm import RMSNorm
from ..nn.rope import Rotary
from .decoder_config import DecoderConfig
from .decoder_stack import DecoderStack
from .rotary import RotaryTables, own_states, reach_of, rotary_modules, rotary_states
from .rotary_config import QueryGrowth


class RotaryDecoder(DecoderStack):
    """A decoder whose positions are rotary. Layers of one kind share a rotary table, which they get as `rotary`.

    Class attributes:
        norm_class: the norm behind the last layer, built as `norm_class(hidden_size, rms_norm_eps)`.
        embedding_dropout_name: the published name of an nn.Dropout behind the embeddings, "" where it is no module.
    """

    norm_class: ClassVar[type[nn.Module]] = RMSNorm
    embedding_dropout_name: ClassVar[str] = ""
    embedding_name: ClassVar[str] = "embed_tokens"
    zero_padding: ClassVar[bool] = True
    counted_by_config: ClassVar[bool] = True
    config: DecoderConfig

    def __init__(self, config: DecoderConfig) -> None:
        super().__init__(config)
        self.rotary_emb = rotary_modules(config)
        if self.embedding_dropout_name:
            self.add_module(self.embedding_dropout_name, nn.Dropout(config.declared("embedding_dropout", 0.0)))

    def follow_config(self) -> None:
        known = set(self.layer_types.kinds)
        super().follow_config()
        if not known >= set(self.layer_types.kinds):
            self.rotary_emb = rotary_modules(self.config)

    def make_norm(self, config: DecoderConfig) -> nn.Module:
        return self.norm_class(config.hidden_size, config.rms_norm_eps)

    def enter(self, x: Tensor, position_ids: Tensor) -> Tensor:
        """The embeddings times `embedding_multiplier`, and, in training, with `embedding_dropout`."""
        multiplier, dropout = self.config.declared("embedding_multiplier", 1.0), self.config.declared("embedding_dropout", 0.0)
        x = x if multiplier == 1.0 else x * multiplier
        if self.embedding_dropout_name:
            dropped: Tensor = self.get_submodule(self.embedding_dropout_name)(x)
            return dropped
        return nn.functional.dropout(x, dropout, self.training)

    def rotary(self) -> tuple[Rotary | None, ...]:
        if not isinstance(self.rotary_emb, RotaryTables):  # a user's: how it turns, only it knows
            return ()
        tables, turning = dict(self.rotary_emb.items()), self.config.has_rotary
        kinds = enumerate(self.layer_types.kinds)
        return tuple(cast(Rotary, tables[kind]) if kind in tables and turning(index) else None for index, kind in kinds)

    @property
    def reach(self) -> int | None:
        """The length up to which positions are good; None where there is no end."""
        return reach_of(self.rotary_emb)

    def shared(self, x: Tensor, position_ids: Tensor) -> dict[str, dict[str, Any]]:
        """Kind of layer -> cosines and sines (B or 1, T, K) of the positions, as `rotary`.

        Where queries grow with their positions (`query_growth`), also the factors (B or 1, 1, T, 1), as `query_scale`.
        """
        growths = (self.config.query_growth(index) for index in range(len(self.layer_types.kinds)))
        growth = next((each for each in growths if each is not None), None)
        further = {} if growth is None else {"query_scale": query_scale(position_ids, growth).to(x.dtype)}
        if isinstance(self.rotary_emb, RotaryTables):
            tables = rotary_states(self.rotary_emb, position_ids, x.dtype)
        else:
            tables = own_states(self.rotary_emb, self.config, x, position_ids)
        return {kind: {"rotary": table, **further} for kind, table in tables.items()}


def query_scale(position_ids: Tensor, growth: QueryGrowth) -> Tensor:
    """Positions (B or 1, T) -> factors (B or 1, 1, T, 1) on queries."""
    spans = torch.floor((position_ids.float() + growth.shift) / growth.span)
    return (1 + growth.strength * torch.log1p(spans))[:, None, :, None]


class Decoder(RotaryDecoder):
    """The model without a head: `class LlamaModel(Decoder, LlamaPreTrainedModel): layer_class = LlamaDecoderLayer`."""

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
        return self.decode(
            input_ids,
            attention_mask,
            position_ids=position_ids,
            past_key_values=past_key_values,
            inputs_embeds=inputs_embeds,
            use_cache=use_cache,
        )
