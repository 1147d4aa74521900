"""Feature extraction: a text to the states of a model's last layer."""

from collections.abc import Callable
from typing import Any, ClassVar

import torch

from ...core.errors import ArgumentError
from ..base import Parameters, Pipeline, note_cut, options_of
from ..batching import tensors
from .text_classification import encode

__all__ = ["FeatureExtractionPipeline"]

CHECKPOINTS = {"google-bert/bert-base-uncased": "bert"}


class FeatureExtractionPipeline(Pipeline):
    """States (1, T, D) of a text of T tokens, as nested lists; padding of a batch is never part of them.

    Keywords of a call:
        return_tensors: True or "pt" gives a tensor instead of lists, which is much faster.
        pool: "mean" (over the tokens), "cls" (the first token) or "last" gives one vector (1, D) instead; False every state.
        truncation, tokenize_kwargs: options of the tokenizer.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModel",)

    def _sanitize_parameters(
        self,
        truncation: Any = None,
        tokenize_kwargs: dict[str, Any] | None = None,
        return_tensors: Any = None,
        pool: Any = None,
    ) -> Parameters:
        options = options_of(tokenize_kwargs=tokenize_kwargs)
        if truncation is not None:
            if "truncation" in options:
                raise ArgumentError("truncation is given twice: as a keyword and in tokenize_kwargs")
            options["truncation"] = truncation
        if pool not in (None, False, *_POOLS):
            raise ArgumentError(f"pool is {pool!r}; expected False or one of {', '.join(map(repr, _POOLS))}")
        after = {} if return_tensors is None else {"return_tensors": bool(return_tensors)}
        return self.tokenizer_options(options), {} if pool is None else {"pool": pool}, after

    def __call__(self, *inputs: Any, **parameters: Any) -> Any:
        """Features of one text, of a list, or of several texts written one after the other."""
        return super().__call__(inputs[0] if len(inputs) == 1 else list(inputs), **parameters)

    def preprocess(self, input_: Any, **options: Any) -> Any:
        unit = encode(self.tokenizer, input_, **options)
        note_cut(unit["dropped_tokens"])
        return unit

    def _forward(self, input_tensors: Any, pool: Any = False) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        states = self.model(**inputs)[0]
        mask = inputs["attention_mask"]
        if pool:
            return {"features": _POOLS[pool](states, mask)}
        return {"features": states, "mask": mask}

    def postprocess(self, model_outputs: Any, return_tensors: bool = False) -> Any:
        features = model_outputs["features"]
        if "mask" in model_outputs:
            mask = model_outputs["mask"].bool()
            # Rows of a batch are padded; one row by itself has nothing to take out.
            features = features if bool(mask.all()) else features[mask].unsqueeze(0)
        # A copy, so that the states of one text do not keep those of its batch in memory.
        return features.clone() if return_tensors else features.tolist()


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask.unsqueeze(-1).to(states.dtype)
    return (states * weights).sum(1) / weights.sum(1)


def _place(index: torch.Tensor, states: torch.Tensor) -> torch.Tensor:
    return states[torch.arange(len(states), device=states.device), index]


_POOLS: dict[Any, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "mean": _mean,
    "cls": lambda states, mask: _place(mask.to(torch.int8).argmax(1), states),
    "last": lambda states, mask: _place(mask.shape[1] - 1 - mask.flip(1).to(torch.int8).argmax(1), states),
}

PIPELINE = FeatureExtractionPipeline
