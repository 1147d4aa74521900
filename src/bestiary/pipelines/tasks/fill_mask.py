"""Filling masks: a text with masked tokens to the words that may stand there."""

from typing import Any, ClassVar

import torch

from ...core.errors import ArgumentError
from ...core.logging import warn_once
from ..base import Parameters, Pipeline, Result, options_of
from ..batching import each, tensors
from ..exception import PipelineException
from ..scores import check_top_k
from .text_classification import encode

__all__ = ["FillMaskPipeline"]

CHECKPOINTS = {"FacebookAI/roberta-base": "roberta"}
IMPLIED = True


class FillMaskPipeline(Pipeline):
    """`[{"score", "token", "token_str", "sequence"}, ...]`, best first; a list of such lists for a text with several masks.

    Keywords of a call:
        top_k: how many words (5).
        targets: the words to choose among, a text or a list; one that is no token stands for its first token.
        tokenizer_kwargs: options of the tokenizer.

    Raises:
        PipelineException: no mask in a text, or none left after truncation.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForMaskedLM",)

    def _sanitize_parameters(
        self, top_k: int | None = None, targets: Any = None, tokenizer_kwargs: dict[str, Any] | None = None
    ) -> Parameters:
        after: dict[str, Any] = {} if top_k is None else {"top_k": check_top_k(top_k)}
        if targets is not None:
            after["targets"] = self._target_ids(targets)
        return self.tokenizer_options(options_of(tokenizer_kwargs=tokenizer_kwargs)), {}, after

    def _target_ids(self, targets: Any) -> list[int]:
        words = [targets] if isinstance(targets, str) else list(targets)
        vocabulary, ids = self.tokenizer.get_vocab(), []
        for word in words:
            if word in vocabulary:
                ids.append(vocabulary[word])
                continue
            pieces = self.tokenizer(word, add_special_tokens=False)["input_ids"]
            if not pieces:
                raise ArgumentError(f"the target {word!r} holds no token")
            token = self.tokenizer.convert_ids_to_tokens(pieces[0])
            warn_once(
                "target-cut", f"the target {word!r} is no single token; its first one, {token!r}, stands for it", about=word
            )
            ids.append(pieces[0])
        if not ids:
            raise ArgumentError("targets is empty; leave it out to choose among all words")
        return list(dict.fromkeys(ids))

    def __call__(self, inputs: Any, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        answers = super().__call__(inputs, **parameters)
        # A list of one text is answered like the text, as published.
        return answers[0] if isinstance(inputs, list) and len(inputs) == 1 else answers

    def preprocess(self, input_: Any, **options: Any) -> Any:
        unit = encode(self.tokenizer, input_, **options)
        if not bool((unit["input_ids"] == self.tokenizer.mask_token_id).any()):
            cut = f" ({unit['dropped_tokens']} tokens were cut off)" if unit["dropped_tokens"] else ""
            reason = f"no {self.tokenizer.mask_token} was found in {input_!r:.80}{cut}"
            raise PipelineException("fill-mask", self.model.base_model_prefix, reason)
        return unit

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        inputs = tensors(input_tensors)
        logits, ids = self.model(**inputs).logits, inputs["input_ids"]
        masked, real = ids == self.tokenizer.mask_token_id, inputs["attention_mask"].bool()
        return {
            "logits": each([row[where] for row, where in zip(logits, masked, strict=True)]),
            "input_ids": each([row[where] for row, where in zip(ids, real, strict=True)]),
            "dropped_tokens": input_tensors["dropped_tokens"],
        }

    def postprocess(self, model_outputs: Any, top_k: int = 5, targets: list[int] | None = None) -> Any:
        ids: torch.Tensor = model_outputs["input_ids"]
        places = (ids == self.tokenizer.mask_token_id).nonzero()[:, 0].tolist()
        probabilities = model_outputs["logits"].float().softmax(-1)
        chosen = torch.arange(probabilities.shape[1]) if targets is None else torch.tensor(targets)
        scores, indices = probabilities[:, chosen].topk(min(top_k, len(chosen)))
        answers = []
        for place, row, tokens in zip(places, scores.tolist(), chosen[indices].tolist(), strict=True):
            answers.append(
                [self._answer(ids, place, *one, model_outputs["dropped_tokens"]) for one in zip(row, tokens, strict=True)]
            )
            for answer in answers[-1]:
                # With one mask the sentence is whole; with several it still holds masks, and special tokens are shown.
                answer["sequence"] = self.tokenizer.decode(answer["sequence"], skip_special_tokens=len(places) == 1)
        return answers[0] if len(places) == 1 else answers

    def _answer(self, ids: torch.Tensor, place: int, score: float, token: int, dropped: int) -> Result:
        filled = ids.clone()
        filled[place] = token
        text = self.tokenizer.decode([token])
        return Result({"score": score, "token": token, "token_str": text, "sequence": filled.tolist()}, dropped)


PIPELINE = FillMaskPipeline
