"""What of FSMT is not BART: sinusoids, two vocabularies, and logits that the decoder gives. Names are the published ones."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...core.outputs import Seq2SeqModelOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.resizing import resize_halves
from ...nn.embeddings import ComputedPositions, FixedPositions, rows_of, sinusoids
from ..bart.model import BartDecoder, BartForConditionalGeneration, BartHalf, BartModel, BartPreTrainedModel


class SinusoidalPositionalEmbedding(FixedPositions):
    """A stored table of sinusoids, zeros for padding; positions behind its end are computed."""

    has_end = False

    def __init__(self, count: int, size: int, first: int = 0) -> None:
        super().__init__(count, size, first)
        self.beyond = ComputedPositions(count, size, first)
        self.starts = {"weight": self._start}

    def _start(self, weight: Tensor) -> None:
        weight.copy_(F.pad(sinusoids(*weight.shape), (0, weight.shape[1] % 2)))
        weight[: self.first][-1:] = 0

    def forward(  # type: ignore[override]
        self, input: Tensor | None = None, past_key_values_length: int = 0, position_ids: Tensor | None = None
    ) -> Tensor:
        """position_ids (B or 1, T) from 0, or tokens (B, T), in which padding is not counted -> (B or 1, T, D)."""
        if position_ids is None:
            position_ids = self.counted(input, past_key_values_length)
        places, last = position_ids + self.first, self.num_embeddings - 1
        rows = F.embedding(places.clamp(max=last), self.weight)
        computed = F.pad(self.beyond.at(places), (0, self.embedding_dim % 2)).to(rows.dtype)
        return torch.where((places > last).unsqueeze(-1), computed, rows)

    def counted(self, tokens: Tensor | torch.Size | None, past: int) -> Tensor:
        if not isinstance(tokens, Tensor):
            return super().counted(tokens, past)
        return rows_of(tokens, past, self.first) - self.first


class PretrainedFSMTModel(BartPreTrainedModel):
    """What all FSMT classes share."""

    starts_with_last = True
    _keys_to_ignore_on_load_missing = [r"embed_positions\.weight$"]

    def resize_token_embeddings(
        self, new_num_tokens: int | None = None, pad_to_multiple_of: int | None = None, mean_resizing: bool = True
    ) -> nn.Module:
        """Give both vocabularies as many words; returns the table of the source's."""
        head = self.get_decoder().output_projection
        table = resize_halves(self, head, new_num_tokens, pad_to_multiple_of, mean_resizing)
        self.config.src_vocab_size = self.config.tgt_vocab_size = table.num_embeddings
        return table


class FSMTHalf(BartHalf):
    """Words and sinusoids, then layers. The first row of the sinusoids is the one after the padding token's id."""

    positions_class, norms_input, counts_ids = SinusoidalPositionalEmbedding, False, True

    def __init__(self, config: Any) -> None:
        self.first_row = 0 if config.pad_token_id is None else config.pad_token_id + 1
        super().__init__(config)

    def told_positions(self, ids: Tensor | None, attention_mask: Tensor | None, cache: Any) -> Tensor | None:
        return super().told_positions(ids, None, cache)  # whatever the mask says, as published


class FSMTDecoder(BartDecoder):
    """The decoder, with the layer that gives logits from its states."""

    def __init__(self, config: Any) -> None:
        super().__init__(config)
        self.output_projection = nn.Linear(config.d_model, config.tgt_vocab_size, bias=False)


class FSMTModel(BartModel):
    """Encoder and decoder; `last_hidden_state` are the logits (B, T, V), as published."""

    _tied_weights_keys = {
        "encoder.embed_tokens.weight": "decoder.embed_tokens.weight",
        "decoder.output_projection.weight": "decoder.embed_tokens.weight",
    }

    def add_shared(self, config: PreTrainedConfig) -> None:
        """Nothing: the halves have vocabularies of their own."""

    def get_input_embeddings(self) -> nn.Module:
        return self.encoder.get_input_embeddings()

    def get_output_embeddings(self) -> nn.Module:
        return self.decoder.get_submodule("output_projection")

    def decoded(self, encoder_outputs: Any, ids: Tensor | None, mask: Tensor | None, **inputs: Any) -> Seq2SeqModelOutput:
        """The decoder's logits for `ids` (B, T) and the encoder's output; `inputs` are its other arguments."""
        output = super().decoded(encoder_outputs, ids, mask, **inputs)
        output.last_hidden_state = self.get_output_embeddings()(output.last_hidden_state)
        return output


class FSMTForConditionalGeneration(BartForConditionalGeneration):
    """FSMT that writes; the logits are those of the model without a head."""

    biases_logits, starts = False, {}
    head_name = "model.decoder.output_projection"
    _tied_weights_keys = {f"model.{copy}": f"model.{table}" for copy, table in FSMTModel._tied_weights_keys.items()}

    def add_head(self, config: PreTrainedConfig) -> None:
        """Nothing: the decoder has it."""

    def vocabulary_logits(self, hidden: Tensor) -> Tensor:
        return hidden
