"""The span of an answer by beam search (Yang et al. 2019): the likeliest first tokens, and the likeliest last ones for each."""

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn.functional import binary_cross_entropy_with_logits

from ...core.errors import InputError
from ...core.outputs import ModelOutput, Tensors
from ...nn.activations import activation
from ...nn.inputs import check_places, shown
from ...nn.losses import both_ends, token_loss
from ...nn.masks import real_tokens
from ...nn.pooling import last_real
from ..config import PreTrainedConfig
from .headed import Headed, only

HIDDEN = -1e30  # the logit of a token that is in no answer


@dataclass
class BeamQuestionAnsweringOutput(ModelOutput):
    """The loss alone where the answer is given; else, with k first tokens and for each m last ones, the search's result.

    `start_top_log_probs`, `start_top_index` (B, k); `end_top_log_probs`, `end_top_index` (B, m * k), those of one rank side by
    side; `cls_logits` (B,), high where the text holds no answer. What is called log probabilities are probabilities, as
    published.
    """

    loss: Tensor | None = None
    start_top_log_probs: Tensor | None = None
    start_top_index: Tensor | None = None
    end_top_log_probs: Tensor | None = None
    end_top_index: Tensor | None = None
    cls_logits: Tensor | None = None
    hidden_states: Tensors | None = None
    attentions: Tensors | None = None


class PoolerStartLogits(nn.Module):
    """The logit of each token to be an answer's first."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(config.get("hidden_size"), 1)

    def forward(self, hidden: Tensor, outside: Tensor | None = None) -> Tensor:
        """States (B, T, D) -> (B, T); `outside` (B, T) is True where a token is in no answer."""
        return _without(self.dense(hidden).squeeze(-1), outside)


class PoolerEndLogits(nn.Module):
    """The logit of each token to be the last of an answer whose first token is known."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.dense_0 = nn.Linear(2 * size, size)
        self.LayerNorm = nn.LayerNorm(size, config.get("layer_norm_eps"))
        self.dense_1, self.activation = nn.Linear(size, 1), activation("tanh")

    def forward(self, hidden: Tensor, starts: Tensor, outside: Tensor | None = None) -> Tensor:
        """States (B, T, D) and those of k first tokens, (B, k, D) -> (B, T, k); `outside` as above."""
        shape = (*hidden.shape[:2], starts.shape[1], -1)
        pairs = torch.cat((hidden.unsqueeze(2).expand(shape), starts.unsqueeze(1).expand(shape)), dim=-1)
        logits = self.dense_1(self.LayerNorm(self.activation(self.dense_0(pairs)))).squeeze(-1)
        return _without(logits, None if outside is None else outside.unsqueeze(-1))


class PoolerAnswerClass(nn.Module):
    """The logit of a text that it holds no answer."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        size = config.get("hidden_size")
        self.dense_0 = nn.Linear(2 * size, size)
        self.dense_1, self.activation = nn.Linear(size, 1, bias=False), activation("tanh")

    def forward(self, start: Tensor, text: Tensor) -> Tensor:
        """The state of the first token and the one that stands for the text, (B, D) each -> (B,)."""
        output: Tensor = self.dense_1(self.activation(self.dense_0(torch.cat((start, text), dim=-1))))
        return output.squeeze(-1)


class SpanBeams(nn.Module):
    """The three parts under their published names, and the search with them.

    Of the config: how many first tokens are followed (`start_n_top`), and how many last ones for each (`end_n_top`).
    """

    def add_parts(self, config: PreTrainedConfig) -> None:
        """Build the parts."""
        self.start_n_top, self.end_n_top = config.get("start_n_top"), config.get("end_n_top")
        self.start_logits = PoolerStartLogits(config)
        self.end_logits = PoolerEndLogits(config)
        self.answer_class = PoolerAnswerClass(config)

    def search(self, hidden: Tensor, text: Tensor, outside: Tensor | None) -> dict[str, Tensor]:
        """The fields of an output from states (B, T, D), those that stand for the texts (B, D), and `outside` (B, T)."""
        length, most = hidden.shape[1], max(self.start_n_top, self.end_n_top)
        if length < most:
            raise InputError(
                f"a text of {length} tokens has no {most} places of an answer; lower config.start_n_top, end_n_top"
            )
        starts = self.start_logits(hidden, outside).softmax(dim=-1)
        best = starts.topk(self.start_n_top, dim=-1)
        ends = self.end_logits(hidden, hidden.take_along_dim(best.indices[..., None], dim=1), outside).softmax(dim=1)
        ends = ends.topk(self.end_n_top, dim=1)
        expected_start = (hidden * starts[..., None]).sum(dim=1)
        return {
            "start_top_log_probs": best.values,
            "start_top_index": best.indices,
            "end_top_log_probs": ends.values.flatten(1),
            "end_top_index": ends.indices.flatten(1),
            "cls_logits": self.answer_class(expected_start, text),
        }

    def span_loss(
        self,
        hidden: Tensor,
        text: Tensor,
        outside: Tensor | None,
        starts: Tensor,
        ends: Tensor,
        impossible: Tensor | None,
    ) -> Tensor:
        """Loss of answers from `starts` to `ends` (B,); half of that of `impossible` (B,), 1 for no answer, is added."""
        rows, length = hidden.shape[:2]
        starts = check_places(_column(starts), "start_positions", (rows,), length)
        ends = check_places(_column(ends), "end_positions", (rows,), length)
        first = hidden.take_along_dim(starts[:, None, None], dim=1)
        last = self.end_logits(hidden, first, outside).squeeze(-1)
        loss = (token_loss(self.start_logits(hidden, outside), starts) + token_loss(last, ends)) / 2
        if impossible is None:
            return loss
        logits, impossible = self.answer_class(first.squeeze(1), text), _column(impossible)
        if not isinstance(impossible, Tensor) or impossible.shape != (rows,) or impossible.is_complex():
            raise InputError(f"is_impossible is {shown(impossible)}; expected 1 for no answer or 0, of shape {(rows,)}")
        return loss + binary_cross_entropy_with_logits(logits, impossible.to(logits)) / 2


class SQuADHead(SpanBeams):
    """The parts in a module of their own."""

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__()
        self.add_parts(config)


class BeamQuestionAnswering(SpanBeams, Headed):
    """The likeliest spans of an answer, and whether there is one.

    Class attributes:
        head_name: the published name of the module that holds the parts; "" where the model itself does.
        output_class: has the fields of `BeamQuestionAnsweringOutput`, and others that the backbone gives.
    """

    head_name: ClassVar[str] = ""
    output_class = BeamQuestionAnsweringOutput

    def __init__(self, config: PreTrainedConfig) -> None:
        super().__init__(config)
        if self.head_name:
            self.add_module(self.head_name, SQuADHead(config))
        else:
            self.add_parts(config)

    def forward(
        self,
        input_ids: Tensor | None = None,
        attention_mask: Tensor | None = None,
        *,
        start_positions: Tensor | None = None,
        end_positions: Tensor | None = None,
        is_impossible: Tensor | None = None,
        cls_index: Tensor | None = None,
        p_mask: Tensor | None = None,
        **inputs: Any,
    ) -> Any:
        """Args:
            start_positions, end_positions: (B,), the first and the last token of the answer; with both there is a loss.
            is_impossible: (B,), 1 where the text holds no answer. It counts in the loss beside `cls_index`.
            cls_index: (B,), the token whose state stands for the text; without it the last real one.
            p_mask: (B, T), 1 for tokens that are in no answer (the question, special ones); padding never is.

        Raises:
            InputError: places outside of the text, or a text shorter than the number of places that are searched for.
        """
        output = self.run_backbone(input_ids, attention_mask=attention_mask, **inputs)
        hidden: Tensor = output.last_hidden_state
        head: Any = self.get_submodule(self.head_name)
        padded = attention_mask is not None and attention_mask.dim() == 2
        real = real_tokens(attention_mask) if padded else None
        text, outside = _state(hidden, cls_index, real), _outside(hidden, p_mask, real)
        fields = only(self.output_class, output)
        span = both_ends(start_positions, end_positions)
        if span is None:
            return self.output_class(**head.search(hidden, text, outside), **fields)
        loss = head.span_loss(hidden, text, outside, *span, None if cls_index is None else is_impossible)
        return self.output_class(loss=loss, **fields)


def _without(logits: Tensor, outside: Tensor | None) -> Tensor:
    return logits if outside is None else logits.masked_fill(outside, max(HIDDEN, torch.finfo(logits.dtype).min))


def _column(values: Tensor) -> Tensor:
    """(B,) from (B,) or (B, 1), as data parallelism makes it."""
    return values.squeeze(-1) if isinstance(values, Tensor) and values.dim() > 1 else values


def _state(hidden: Tensor, places: Tensor | None, real: Tensor | None) -> Tensor:
    """The state (B, D) at the `places` (B,); without them that of the last token, of the last real one where `real` tells."""
    if places is not None:
        places = check_places(_column(places), "cls_index", hidden.shape[:1], hidden.shape[1])
    elif real is not None:
        places = last_real(real)
    return hidden[:, -1] if places is None else hidden.take_along_dim(places[:, None, None], dim=1).squeeze(1)


def _outside(hidden: Tensor, p_mask: Tensor | None, real: Tensor | None) -> Tensor | None:
    """(B, T), True for tokens that are in no answer; None where all may be."""
    if p_mask is None:
        return None if real is None else ~real
    if not isinstance(p_mask, Tensor) or p_mask.shape != hidden.shape[:2]:
        raise InputError(f"p_mask is {shown(p_mask)}; expected the shape {tuple(hidden.shape[:2])} of the tokens")
    return p_mask != 0 if real is None else (p_mask != 0) | ~real
