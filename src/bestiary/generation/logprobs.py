"""How probable the model held each token that it wrote."""

import torch

from .loop import Step

Tensor = torch.Tensor


def transition_scores(
    sequences: Tensor, scores: tuple[Tensor, ...] | list[Tensor], beam_indices: Tensor | None = None, normalize: bool = False
) -> Tensor:
    """What `scores`, one (R, V) for each new token, say of the new tokens of `sequences` (N, T): (N, new).

    Args:
        beam_indices: (N, new) the row of `scores` that each token was chosen in, below 0 after the end; None for its own.
        normalize: take log probabilities instead of scores.
    """
    stacked = torch.stack(list(scores), dim=1)
    if normalize:
        stacked = stacked.log_softmax(-1)
    new = sequences[:, sequences.shape[1] - len(scores) :]
    if beam_indices is None:
        return stacked.gather(2, new.unsqueeze(2)).squeeze(2)
    length = int((beam_indices >= 0).sum(1).max())
    rows = beam_indices[:, :length]
    steps = torch.arange(length, device=rows.device)
    new = sequences[:, sequences.shape[1] - length :]
    return stacked[rows.clamp(min=0), steps, new].masked_fill(rows < 0, 0.0)


class TokenLogprobs:
    """Collects the log probability of each new token under the model itself, before any processor or temperature.

    Args:
        final: whether tokens stay where they are chosen; else the logits of all steps are kept until beams are settled.
    """

    def __init__(self, final: bool) -> None:
        self._final = final
        self._kept: list[Tensor] = []
        self._going: Tensor | None = None

    def add(self, step: Step) -> None:
        """Take the newest token of each row."""
        logits = step.logits.float()
        if not self._final:
            self._kept.append(logits)
            return
        logprobs = logits.log_softmax(-1).gather(1, step.tokens.unsqueeze(1)).squeeze(1)
        self._kept.append(logprobs if self._going is None else logprobs.masked_fill(~self._going, 0.0))
        self._going = step.running

    def result(self, sequences: Tensor, beam_indices: Tensor | None = None) -> Tensor:
        """(N, new) for the rows that are returned; 0 after their end."""
        if self._final:
            return torch.stack(self._kept, dim=1)
        return transition_scores(sequences, self._kept, beam_indices, normalize=True)
