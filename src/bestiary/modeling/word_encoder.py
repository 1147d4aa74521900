"""The floor of encoders of text that are never decoders, and whose poolers are their own (ALBERT, MobileBERT)."""

from typing import Any

from torch import Tensor, nn

from ..core.outputs import BaseModelOutputWithPooling
from ..nn.pooling import pool
from .encoder import EncoderPreTrainedModel, look_both_ways, text_positions


class WordEncoder(EncoderPreTrainedModel):
    """An encoder without a head: `embeddings`, `encoder`, and `pooler` or None, which a family builds."""

    embeddings: Any
    encoder: Any
    pooler: Any
    _keys_to_ignore_on_load_unexpected = [*EncoderPreTrainedModel._keys_to_ignore_on_load_unexpected, r"^pooler\."]

    def get_input_embeddings(self) -> nn.Module:
        table: nn.Module = self.embeddings.word_embeddings
        return table

    def pooled(self, x: Tensor, padding: Tensor | None) -> Tensor | None:
        """One vector (B, D) of states (B, T, D), of which `padding` (B, T) says which are real; None without a pooler."""
        return None if self.pooler is None else pool(self.pooler, x, padding)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        token_type_ids: Tensor | None = None,
        position_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
    ) -> BaseModelOutputWithPooling:
        """input_ids, token_type_ids, position_ids (B, T) or inputs_embeds (B, T, E); attention_mask (B, T), 0 for padding."""
        words, mask = look_both_ways(self.get_input_embeddings(), input_ids, attention_mask, inputs_embeds)
        if position_ids is None:
            position_ids = text_positions(self.config, words, input_ids, attention_mask)
        x = self.encoder(self.embeddings(input_ids, token_type_ids, position_ids, words), mask, None)
        return BaseModelOutputWithPooling(last_hidden_state=x, pooler_output=self.pooled(x, mask.padding))
