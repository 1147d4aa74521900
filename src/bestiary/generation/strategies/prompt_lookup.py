"""Guesses copied from the text so far."""

from dataclasses import dataclass

import torch

from ...core.errors import ConfigError
from ...core.kinds import Natural, Whole
from ..call import Call
from ..decoding import Decoding
from ..options import Option
from ..speculation.drafting import Draft, Drafter
from ..speculation.verification import Speculation

OPTIONS = {
    "prompt_lookup_num_tokens": Option(Whole),
    "max_matching_ngram_size": Option(Natural, needs=("prompt_lookup_num_tokens",)),
}
CHOSEN_BY = ("prompt_lookup_num_tokens",)
MODE = "assisted_generation"
_SIZE = 2


@dataclass
class LookupDrafter(Drafter):
    """Guesses that the text goes on as it did after the last place where it read as it does now (Saxena 2023).

    Args:
        tokens: how many to guess. size: most tokens that are compared; where so many are nowhere, fewer are.
    """

    tokens: int
    size: int

    def propose(self, run: Decoding, most: int) -> Draft | None:
        ids = run.ids
        length = ids.shape[1]
        start = torch.zeros(ids.shape[0], dtype=torch.int64, device=ids.device)
        for size in range(min(self.size, length - 1), 0, -1):
            hits = (ids[:, :-1].unfold(1, size, 1) == ids[:, length - size :].unsqueeze(1)).all(-1)
            after = torch.arange(size, length, device=ids.device)
            start = torch.where(start > 0, start, (hits * after).amax(1))
            if bool((start > 0).all()):
                break
        if bool((start == 0).any() & (run.finish.running & (start == 0)).any()):
            return None
        # Past the end of the rows the guess repeats itself, as the text does that matches its own end.
        steps = torch.arange(min(most, self.tokens), device=ids.device)
        where = start.unsqueeze(1) + steps % (length - start).unsqueeze(1)
        return Draft(ids.gather(1, where))


class PromptLookup(Speculation):
    """Greedy decoding or draws, where `prompt_lookup_num_tokens` at a time are guessed from the prompt and what followed."""

    def start(self, run: Decoding, call: Call) -> None:
        if self.settings.assistant_ensemble_weight is not None:
            raise ConfigError(
                "assistant_ensemble_weight needs an assistant's distributions, and prompt_lookup_num_tokens has none"
            )
        self.drafter = LookupDrafter(
            self.settings.prompt_lookup_num_tokens or 1, self.settings.max_matching_ngram_size or _SIZE
        )
        super().start(run, call)


STRATEGY = PromptLookup
