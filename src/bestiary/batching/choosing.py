"""The next token of each request, by its own settings, and whether it is the last."""

import torch
from torch import Tensor

from ..core.errors import NumericsError
from ..generation.stopping import StoppingCriteria, verdict
from ..nn.highest import highest
from ..nn.row_draws import pick, uniforms
from .requests import RequestState


def next_token(request: RequestState, scores: Tensor, best: int, highest_score: float) -> int:
    """The next token of `request` by its settings.

    Args:
        scores: (1, V), fp32. best: the token of the `highest_score`, which is NaN where any score is.

    Raises:
        NumericsError: there is nothing to choose from. Exception: what a processor of the caller's raises.
    """
    settings, length = request.settings, len(request.tokens)
    if highest_score != highest_score and not settings.remove_invalid_values:
        raise NumericsError(f"the scores hold NaN after {length} tokens: the weights are broken, or the dtype overflows")
    if not request.processors and not settings.do_sample:
        return best
    scores = request.processors(request.ids.to(scores.device), scores)
    if settings.do_sample:
        probabilities = scores.softmax(-1)
        if bool(probabilities.isnan().any()):
            raise NumericsError(
                f"there is no token to draw after {length} tokens: a processor banned them all, or it, or temperature="
                f"{settings.temperature}, made NaN or infinity of the scores"
            )
        places = uniforms([request.draw], [length - request.prompt])
        return int(pick(probabilities, places.to(probabilities.device)))
    token = int(highest(scores))
    if not float(scores[0, token]) > -torch.inf:  # which NaN is not
        raise NumericsError(
            f"there is nothing to choose from after {length} tokens: a processor made NaN, or banned every token"
        )
    return token


def reason_to_end(request: RequestState, scores: Tensor) -> str:
    """Why `request` ends with its newest token, chosen by `scores` (1, V); an empty string when it does not."""
    if request.tokens[-1] in request.eos:
        return "eos"
    for criterion in request.criteria:
        ids = request.ids.to(scores.device)
        if bool(verdict(criterion(ids, scores), ids)):
            return criterion.reason if isinstance(criterion, StoppingCriteria) else "stopped"
    return "length" if len(request.tokens) >= request.limit else ""
