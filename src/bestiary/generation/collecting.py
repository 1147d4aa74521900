"""What a generation returns besides its tokens, gathered from its steps."""

from typing import Any, cast

import torch

from ..core.outputs import ModelOutput
from .begin import Generation
from .logprobs import TokenLogprobs
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
