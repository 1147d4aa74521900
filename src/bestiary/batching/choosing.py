"""The next token of each request, by its own settings, and whether it is the last."""

import torch

from ..core.errors import NumericsError
from ..generation.highest import highest
from ..generation.seeds import pick, uniforms
from ..generation.stopping import StoppingCriteria, verdict
from .requests import RequestState

Tensor = torch.Tensor
Choices = list[int | Exception]


def choose(requests: list[RequestState], scores: Tensor) -> Choices:
    """The next token of each of `requests`, or what is wrong with it, by its row of `scores` (n, V), fp32.

    Whatever is wrong with one request, the others get their tokens.
    """
    places = highest(scores)
    best, tokens = scores.gather(1, places.unsqueeze(1)).squeeze(1).tolist(), places.tolist()
    choices: Choices = list(tokens)
    drawn: dict[int, Tensor] = {}
    for row, request in enumerate(requests):
        if best[row] != best[row] and not request.settings.remove_invalid_values:
            choices[row] = NumericsError(
                f"the scores hold NaN after {len(request.tokens)} tokens: the weights are broken, or the dtype overflows"
            )
        elif request.processors or request.settings.do_sample:
            try:
                processed = request.processors(request.ids.to(scores.device), scores[row : row + 1])
                choices[row] = _best(request, processed)
            except Exception as error:  # noqa: BLE001 (somebody's processor: the others go on)
                choices[row] = error
                continue
            if request.settings.do_sample:
                drawn[row] = processed
    if drawn:
        _draw(requests, drawn, choices)
    return choices


def _best(request: RequestState, scores: Tensor) -> int:
    """The best token by the processed `scores` (1, V)."""
    token = int(highest(scores))
    best = float(scores[0, token])
    if best != best:
        raise NumericsError(f"a processor made NaN of the scores after {len(request.tokens)} tokens")
    if best == -torch.inf:
        raise NumericsError(f"there is nothing to choose from after {len(request.tokens)} tokens")
    return token


def _draw(requests: list[RequestState], scores: dict[int, Tensor], choices: Choices) -> None:
    """Fill in `choices` for the rows of `scores`, (1, V) each: a token drawn by the request's own stream of random numbers."""
    probabilities = torch.cat(list(scores.values())).softmax(-1)
    whole = ~probabilities.amax(-1).isnan()
    for row, fine in zip(list(scores), whole.tolist(), strict=True):
        if not fine:
            del scores[row]
            choices[row] = NumericsError(
                f"there is no token to draw after {len(requests[row].tokens)} tokens: the scores hold infinity, by a processor "
                f"or by temperature={requests[row].settings.temperature}"
            )
    probabilities = probabilities[whole]
    drawing = [requests[row] for row in scores]
    steps = [len(request.tokens) - request.prompt for request in drawing]
    places = uniforms([request.draw for request in drawing], steps).to(probabilities.device)
    for row, token in zip(scores, pick(probabilities, places).tolist(), strict=True):
        choices[row] = token


def reason_to_end(request: RequestState, scores: Tensor) -> str:
    """Why `request` ends with its newest token, chosen by `scores` (1, V); an empty string when it does not."""
    if request.tokens[-1] in request.eos:
        return "eos"
    for criterion in request.criteria:
        ids = request.ids.to(scores.device)
        if bool(verdict(criterion(ids, scores), ids)):
            return criterion.reason if isinstance(criterion, StoppingCriteria) else "stopped"
    return "length" if len(request.tokens) >= request.limit else ""
