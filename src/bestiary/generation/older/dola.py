"""DoLa: the last layer's prediction against an early layer's."""

from typing import Any

import torch
from torch import Tensor

from ...core.errors import ArgumentError, ConfigError
from ..call import Call
from ..decoding import Decoding
from ..options import Option
from ..strategy import NextTokens, Strategy, plain_strategy

OPTIONS = {"dola_layers": Option(str | list[int])}
CHOSEN_BY = ("dola_layers",)
MODE = "dola_generation"

# Tokens below this share of the likeliest one's probability are out (alpha of the paper).
_RELATIVE_TOP = 0.1
# More layers than twice this: only so many at the low, or at the high end are asked.
_MOST = 20


class DoLa(Strategy):
    """Greedy decoding or draws by what the last layer knows better than an early one (Chuang et al. 2024).

    The scores are log p_last - log p_early over the tokens that the last layer finds likely. In each step, the early layer
    is that of `dola_layers` whose prediction is the farthest from the last one's (Jensen-Shannon divergence, mean over the
    rows). `dola_layers`: "low" or "high", every second layer of that half, or a list; 0 is the embedding.
    """

    row_seeds = True

    def start(self, run: Decoding, call: Call) -> None:
        if run.prompt.encoder_outputs is not None:
            raise ArgumentError(f"dola_layers is for decoders alone; {type(run.model).__name__} has an encoder")
        if call.constraint is not None:
            raise ConfigError(
                f"dola_layers={self.settings.dola_layers!r} and constraint exclude each other: the tokens that the one leaves "
                "are not those that the other allows"
            )
        config = run.model.config.get_text_config(decoder=True)
        self._layers = _layers(self.settings.dola_layers, config.num_hidden_layers, config.tie_word_embeddings)
        head = run.model.get_output_embeddings()
        if head is None:
            raise ArgumentError(
                f"dola_layers needs an output layer that early layers can use; {type(run.model).__name__} has none"
            )
        self._head = head
        self._plain = plain_strategy(self.settings, self.generator, run, call)
        self._early: list[Tensor] = []

    def look(self, run: Decoding) -> tuple[Any, Tensor]:
        output = run.forward(output_hidden_states=True)
        states = output.hidden_states
        self._early = [states[layer][:, -1] for layer in self._layers]
        return output, output.logits[:, -1]

    def score(self, run: Decoding, logits: Tensor) -> Tensor:
        last = logits.float().log_softmax(-1)
        early = torch.stack([self._head(state).float().log_softmax(-1) for state in self._early])
        middle = 0.5 * (early.exp() + last.exp())
        far = 0.5 * (_divergence(last, middle) + _divergence(early, middle))
        chosen = early[far.mean(-1).argmax()]
        out = last < last.amax(-1, keepdim=True) + torch.log(torch.tensor(_RELATIVE_TOP))
        return run.process((last - chosen).masked_fill(out, -torch.inf))

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        return self._plain.choose(run, scores)


def _divergence(left: Tensor, middle: Tensor) -> Tensor:
    """Kullback-Leibler divergence (..., R) of the probabilities `middle` from the log probabilities `left` (..., R, V)."""
    return torch.where(middle > 0, middle * (middle.log() - left), 0.0).sum(-1)


def _layers(layers: Any, count: int, tied: bool) -> list[int]:
    """The early layers, of a model with `count` layers; a tied embedding would only predict its own input."""
    first = min(2, count - 1) if tied else 0
    half = min(count // 2, _MOST)
    if layers == "low":
        low = [first] if first == half else list(range(first, half, 2))
        if not low:
            raise ConfigError(f"dola_layers='low' leaves nothing of {count} layers where the embedding is tied to the head")
        return low
    if layers == "high":
        return list(range(max(count // 2, count - _MOST), count, 2))
    if not isinstance(layers, list | tuple) or not layers or any(not isinstance(n, int) or not 0 <= n < count for n in layers):
        raise ConfigError(f"dola_layers is {layers!r}; expected 'low', 'high', or a list of layers from 0 to {count - 1}")
    return sorted(set(layers))


STRATEGY = DoLa
