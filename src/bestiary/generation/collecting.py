"""What a generation returns besides its tokens, gathered from its steps."""

from typing import Any, cast

import torch
from torch import Tensor

from ..core.outputs import ModelOutput
from .begin import Generation
from .loop import Step
from .prompt import Prompt
from .strategy import Strategy


class Collector:
    """Collects from the steps what the settings ask for; the strategy says the kind of output and what else is in it."""

    def __init__(self, prompt: Prompt, strategy: Strategy) -> None:
        settings = prompt.settings
        self._per_step: dict[str, list[Any]] = {}
        if settings.return_dict_in_generate:
            names = [name for name in ("scores", "logits") if settings.get(f"output_{name}")]
            prefix = "decoder_" if prompt.encoder_outputs is not None else ""
            names += [f"{prefix}attentions"] * bool(settings.output_attentions)
            names += ["cross_attentions"] * bool(settings.output_attentions and prefix)
            names += [f"{prefix}hidden_states"] * bool(settings.output_hidden_states)
            self._per_step = {name: [] for name in names}
        self._final, self._going = strategy.final, torch.tensor(True)
        logprobs = settings.return_dict_in_generate and settings.output_token_logprobs
        self._logprobs: list[Tensor] | None = [] if logprobs else None

    def add(self, step: Step) -> None:
        """Take what the settings ask for of `step`."""
        if self._logprobs is not None:
            self._logprobs.append(self._newest_logprobs(step))
        for name, values in self._per_step.items():
            if name == "scores":
                values.append(step.scores)
            elif name == "logits":
                values.append(step.logits.float())
            else:
                values.append(step.output[name])

    def _newest_logprobs(self, step: Step) -> Tensor:
        """The log probability (R,) of each newest token under the model itself, before any processor or temperature.

        0 after the end of a row. Where tokens do not stay where they are chosen, the logits (R, V), until beams are settled.
        """
        logits = step.logits.float()
        if not self._final:
            return logits
        going, self._going = self._going.to(logits.device), step.running
        return logits.log_softmax(-1).gather(1, step.tokens.unsqueeze(1)).squeeze(1).masked_fill(~going, 0.0)

    def output(self, generation: Generation, sequences: Tensor) -> ModelOutput:
        """What `generate` returns with `return_dict_in_generate`; sequences (R, T)."""
        run, strategy, prefixes = generation
        settings, encoded = run.settings, run.prompt.encoder_outputs
        cache: Any = run.cache
        if cache is not None and settings.return_legacy_cache:
            cache = cache.to_legacy_cache()
        values: dict[str, Any] = {name: tuple(steps) for name, steps in self._per_step.items()}
        values |= {"sequences": sequences, "past_key_values": cache, "finish_reasons": strategy.reasons(run)}
        values |= strategy.extras(run)
        if self._logprobs is not None:
            values["token_logprobs"] = (
                torch.stack(self._logprobs, dim=1)
                if self._final
                else transition_scores(sequences, self._logprobs, values["beam_indices"], normalize=True)
            )
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


def transition_scores(
    sequences: Tensor, scores: tuple[Tensor, ...] | list[Tensor], beam_indices: Tensor | None = None, normalize: bool = False
) -> Tensor:
    """What `scores` say of the new tokens of `sequences` (N, T), (N, new): see `Generating.compute_transition_scores`."""
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
