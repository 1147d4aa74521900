"""What `generate` returns when asked for more than the sequences."""

from dataclasses import dataclass
from typing import Any

import torch

from ..core.outputs import ALWAYS, ModelOutput

Tensors = tuple[torch.Tensor, ...]


@dataclass(kw_only=True)
class Told(ModelOutput):
    """What every generation tells besides its tokens; after all other fields.

    past_key_values: the cache. It holds all tokens but the last one.
    finish_reasons: why each row ended: "eos", "stop" (a stop string), "length", "time", "stopped" (a criterion of the
        caller), "cancelled".
    token_logprobs (R, new): with `output_token_logprobs`, the log probability of each new token under the model itself, as a
        forward pass over the sequence gives it, whatever temperature or processors chose it; 0 after the end of a row.
        (What the choice was made by is in `scores`, see `compute_transition_scores`.)
    seeds: the seed that each row drew by, where one was given.
    prefix_reused: with a `prefix_store`, for each prompt how many of its tokens were taken from there; prefix_reason: why none
        were.
    settings: every setting in effect, with its origin.
    """

    past_key_values: Any | None = None
    finish_reasons: list[str] | None = None
    token_logprobs: torch.Tensor | None = None
    seeds: list[int] | None = None
    prefix_reused: list[int] | None = None
    prefix_reason: str | None = None
    settings: dict[str, tuple[Any, str]] | None = None

    def keys(self) -> list[str]:
        """Names of the fields that hold something, those of this class last."""
        return sorted(super().keys(), key=Told.__dataclass_fields__.__contains__)


@dataclass
class GenerateDecoderOnlyOutput(Told):
    """The result of a decoder. Tuples have an entry for each new token.

    sequences (R, T): prompt and new tokens; rows that finished early end in padding.
    scores, logits (R, V) each: the scores the choice was made by, and the model's own.
    attentions: per step and layer (R, H, new, S); hidden_states: per step and layer (R, new, D).
    """

    sequences: torch.Tensor = ALWAYS
    scores: Tensors | None = None
    logits: Tensors | None = None
    attentions: tuple[Tensors, ...] | None = None
    hidden_states: tuple[Tensors, ...] | None = None


@dataclass
class GenerateBeamDecoderOnlyOutput(Told):
    """The result of a beam search: as `GenerateDecoderOnlyOutput`, for the N best rows, the best of each prompt first.

    sequences_scores (N,): the sum of the log probabilities of the new tokens, as they are in `scores`, over their number to
    the power of `length_penalty`; only with `output_scores`. beam_indices (N, new): the row of `scores` each new token was
    chosen in, -1 after the end. scores, logits, attentions, hidden_states: of all R beams, in the order they had in that step.
    past_key_values: the cache of all R beams, as the search left it; one that was passed holds the N rows and can be continued.
    """

    sequences: torch.Tensor = ALWAYS
    sequences_scores: torch.Tensor | None = None
    scores: Tensors | None = None
    logits: Tensors | None = None
    beam_indices: torch.Tensor | None = None
    attentions: tuple[Tensors, ...] | None = None
    hidden_states: tuple[Tensors, ...] | None = None


@dataclass
class GenerateEncoderDecoderOutput(Told):
    """The result of an encoder-decoder: as for a decoder, with the encoder's states and attentions."""

    sequences: torch.Tensor = ALWAYS
    scores: Tensors | None = None
    logits: Tensors | None = None
    encoder_attentions: Tensors | None = None
    encoder_hidden_states: Tensors | None = None
    decoder_attentions: tuple[Tensors, ...] | None = None
    cross_attentions: tuple[Tensors, ...] | None = None
    decoder_hidden_states: tuple[Tensors, ...] | None = None


@dataclass
class GenerateBeamEncoderDecoderOutput(Told):
    """The result of a beam search of an encoder-decoder: as for a decoder, with the encoder's states and attentions."""

    sequences: torch.Tensor = ALWAYS
    sequences_scores: torch.Tensor | None = None
    scores: Tensors | None = None
    logits: Tensors | None = None
    beam_indices: torch.Tensor | None = None
    encoder_attentions: Tensors | None = None
    encoder_hidden_states: Tensors | None = None
    decoder_attentions: tuple[Tensors, ...] | None = None
    cross_attentions: tuple[Tensors, ...] | None = None
    decoder_hidden_states: tuple[Tensors, ...] | None = None


GenerateOutput = (
    GenerateDecoderOnlyOutput | GenerateBeamDecoderOnlyOutput | GenerateEncoderDecoderOutput | GenerateBeamEncoderDecoderOutput
)
