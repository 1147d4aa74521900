"""Contrastive search: likely tokens that do not repeat what was said."""

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import normalize

from ...core.errors import ArgumentError, CapacityError, ConfigError
from ...core.outputs import map_rows
from ..call import Call
from ..decoding import Decoding
from ..options import Option
from ..strategy import NextTokens, Strategy

OPTIONS = {"penalty_alpha": Option(float), "low_memory": Option(bool, needs=("penalty_alpha",))}
CHOSEN_BY = ("penalty_alpha",)
EXCLUDES = ("do_sample",)  # both say how a token is chosen
MODE = "contrastive_search"


class Contrastive(Strategy):
    """Of the `top_k` likeliest tokens, takes the one of the highest value (Su et al. 2022, SimCTG).

    The value is (1 - a) * probability - a * similarity, where a is `penalty_alpha` and the similarity the highest cosine
    between the final state at the token and those at all tokens before it. The candidates of a row run as rows of their own;
    with `low_memory` one after the other.
    """

    whole_prompt = True

    def start(self, run: Decoding, call: Call) -> None:
        settings, cache = self.settings, run.cache
        self._alpha, self._k = settings.effective("penalty_alpha"), settings.effective("top_k")
        if self._k < 2:
            raise ConfigError(f"penalty_alpha={self._alpha} chooses among the top_k likeliest tokens, and top_k is {self._k}")
        if self._alpha > 1:
            raise ConfigError(f"penalty_alpha is {self._alpha}; expected a number from 0 to 1")
        if call.constraint is not None:
            raise ConfigError(f"penalty_alpha={self._alpha} and constraint exclude each other: it may choose what is banned")
        if cache is None:
            raise ArgumentError("contrastive search (penalty_alpha) and use_cache=False exclude each other")
        if run.fed or run.prompt.offset:
            raise ArgumentError(
                f"contrastive search needs the states of the whole text, and the cache holds {run.fed} tokens without them; "
                "pass an empty cache, or none"
            )
        room, needed = cache.get_max_length(), run.finish.max_length
        if room is not None and room < needed:
            raise CapacityError(f"the cache has room for {room} tokens; contrastive search takes up to {needed}")
        self._states = "decoder_hidden_states" if run.prompt.encoder_outputs is not None else "hidden_states"
        self._wide: Decoding | None = None
        self._next: tuple[Any, Tensor] | None = None
        self._said = torch.empty(0)

    def look(self, run: Decoding) -> tuple[Any, Tensor]:
        if self._next is not None:
            return self._next
        output = run.forward(output_hidden_states=True)
        self._said = normalize(output[self._states][-1].float(), dim=-1)
        if run.prompt.padded and run.prompt.mask is not None:
            # Padding says nothing: in its place the last token counts twice, which changes no highest similarity.
            self._said = torch.where(run.prompt.mask.bool().unsqueeze(2), self._said, self._said[:, -1:])
        return output, output.logits[:, -1]

    def choose(self, run: Decoding, scores: Tensor) -> NextTokens:
        likely, tokens = scores.softmax(-1).topk(min(self._k, scores.shape[-1]))
        states, pick = self._one_by_one(run, tokens) if self.settings.low_memory else self._side_by_side(run, tokens)
        similar = (states @ self._said.transpose(1, 2)).amax(-1)
        best = ((1 - self._alpha) * likely - self._alpha * similar).argmax(-1, keepdim=True)
        self._next = pick(best)
        self._said = torch.cat([self._said, states.gather(1, best.unsqueeze(2).expand(-1, -1, states.shape[2]))], 1)
        return NextTokens(tokens.gather(1, best).squeeze(1))

    def _side_by_side(self, run: Decoding, tokens: Tensor) -> tuple[Tensor, Any]:
        """The states (R, k, D) at the candidates (R, k), and how to go on with one (R, 1) of them."""
        rows, count = tokens.shape
        wide = self._wide = self._wide or run.widened(count)
        wide.commit(tokens.flatten())
        output = wide.forward(output_hidden_states=True)

        def pick(best: Tensor) -> tuple[Any, Tensor]:
            chosen = (torch.arange(rows, device=best.device).unsqueeze(1) * count + best).flatten()
            wide.reorder(chosen.repeat_interleave(count))
            layers = {name: value for name, value in output.items() if isinstance(value, tuple)}
            recorded = {name: map_rows(value, lambda part: part[chosen], rows * count) for name, value in layers.items()}
            return recorded, output.logits[chosen, -1]

        return self._state(output).view(rows, count, -1), pick

    def _one_by_one(self, run: Decoding, tokens: Tensor) -> tuple[Tensor, Any]:
        states = []
        for column in tokens.split(1, dim=1):
            states.append(self._state(run.look_ahead(column, output_hidden_states=True)))
            run.rewind(run.length)

        def pick(best: Tensor) -> tuple[Any, Tensor]:
            output = run.look_ahead(tokens.gather(1, best), output_hidden_states=True)
            return output, output.logits[:, -1]

        return torch.stack(states, 1), pick

    def _state(self, output: Any) -> Tensor:
        return normalize(output[self._states][-1][:, -1].float(), dim=-1)

    def end(self, run: Decoding) -> None:
        if self._wide is not None and run.cache is not None:
            rows, wide = run.ids.shape[0], self._wide
            run.cache.batch_select_indices(torch.arange(rows, device=run.ids.device) * (wide.ids.shape[0] // rows))
            run.fed = wide.fed
        run.rewind(run.length - 1)


STRATEGY = Contrastive
