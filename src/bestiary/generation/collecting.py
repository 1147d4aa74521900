"""What a generation returns besides its tokens, gathered from its steps."""

from typing import Any, cast

import torch

from ..core.outputs import ModelOutput
from .begin import Generation
from .loop import Step
from .prompt import Prompt
from .strategy import Strategy

Tensor = torch.Tensor


class Collector:
    """Collects from the steps what the settings ask for.

    Args:
        strategy: of the generation, which says the kind of output and what else belongs to it.
    """

    def __init__(self, prompt: Prompt, strategy: Strategy) -> None:
        settings = prompt.settings
        self._kept: dict[str, list[Any]] = {}
        if settings.return_dict_in_generate:
            names = [name for name in ("scores", "logits") if settings.get(f"output_{name}")]
            prefix = "decoder_" if prompt.encoder_outputs is not None else ""
            names += [f"{prefix}attentions"] * bool(settings.output_attentions)
            names += ["cross_attentions"] * bool(settings.output_attentions and prefix)
            names += [f"{prefix}hidden_states"] * bool(settings.output_hidden_states)
            self._kept = {name: [] for name in names}
        logprobs = settings.return_dict_in_generate and settings.output_token_logprobs
        self._logprobs = TokenLogprobs(strategy.final) if logprobs else None

    def add(self, step: Step) -> None:
        """Take what the settings ask for of `step`."""
        if self._logprobs is not None:
            self._logprobs.add(step)
        for name, values in self._kept.items():
            if name == "scores":
                values.append(step.scores)
            elif name == "logits":
                values.append(step.logits.float())
            else:
                values.append(step.output[name])

    def output(self, generation: Generation, sequences: Tensor) -> ModelOutput:
        """What `generate` returns with `return_dict_in_generate`; sequences (R, T)."""
        run, strategy, prefixes = generation
        settings, encoded = run.settings, run.prompt.encoder_outputs
        cache: Any = run.cache
        if cache is not None and settings.return_legacy_cache:
            cache = cache.to_legacy_cache()
        values: dict[str, Any] = {name: tuple(per_step) for name, per_step in self._kept.items()}
        values |= {"sequences": sequences, "past_key_values": cache, "finish_reasons": strategy.reasons(run)}
        values |= strategy.extras(run)
        if self._logprobs is not None:
            values["token_logprobs"] = self._logprobs.result(sequences, values.get("beam_indices"))
        if prefixes is not None:
            values |= {"prefix_reused": prefixes.reuse.tokens, "prefix_reason": prefixes.reuse.reason}
        values["settings"] = settings.explain()
        if encoded is None:
            return cast(ModelOutput, strategy.outputs[0](**values))
        if settings.output_attentions:
            values["encoder_attentions"] = encoded.get("attentions")
        if settings.output_hidden_states:
            values["encoder_hidden_states"] = encoded.get("hidden_states")
        return cast(ModelOutput, strategy.outputs[1](**values))


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
