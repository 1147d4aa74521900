"""Text classification: a text, or a pair, to labels with scores."""

from typing import Any, ClassVar

from ...core.errors import InputError
from ...core.logging import warn_once
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from ..scores import ClassificationFunction, best, check_top_k, read_function, scores, suited_function

__all__ = ["TextClassificationPipeline"]

ALIASES = ("sentiment-analysis",)
CHECKPOINTS = {"nlptown/bert-base-multilingual-uncased-sentiment": "bert"}
IMPLIED = True


class TextClassificationPipeline(Pipeline):
    """`[{"label", "score"}]` for a text.

    Inputs: a text, `{"text": ..., "text_pair": ...}`, or lists of them.

    Keywords of a call:
        top_k: how many labels, best first, or None for all. Without it one label comes back, and a list of texts gives a
            list of answers instead of a list of lists.
        function_to_apply: "sigmoid", "softmax", "none" or "default": what suits the model.
        others: options of the tokenizer, such as `truncation` and `max_length`.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForSequenceClassification",)

    def _sanitize_parameters(self, **parameters: Any) -> Parameters:
        after: dict[str, Any] = {}
        if "return_all_scores" in parameters:
            everything = parameters.pop("return_all_scores")
            warn_once("return-all-scores", f"return_all_scores={everything} is now top_k={None if everything else 1}")
            after |= {"top_k": None if everything else 1, "plain": None if everything else True}
        if "top_k" in parameters:
            top_k = parameters.pop("top_k")
            after |= {"top_k": top_k if top_k is None else check_top_k(top_k), "plain": False}
        if "function_to_apply" in parameters:
            after["function"] = read_function(parameters.pop("function_to_apply"))
        return self.tokenizer_options(parameters, ("top_k", "function_to_apply")), {}, after

    def __call__(self, inputs: Any, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        answer = super().__call__(inputs, **parameters)
        # A single text without top_k is answered like a list of one, as published, also when all scores are asked for.
        older = (
            parameters.get("return_all_scores", self._postprocess_params.get("plain", True) is None)
            and "top_k" not in parameters
        )
        return [answer] if isinstance(inputs, str) and (older or isinstance(answer, dict)) else answer

    def preprocess(self, input_: Any, **options: Any) -> Any:
        if isinstance(input_, dict):
            if "text" not in input_:
                raise InputError(f"an input has the keys 'text' and, for a pair, 'text_pair'; found {sorted(input_)}")
            if others := input_.keys() - {"text", "text_pair"}:
                warn_once("other-keys", f"inputs hold {', '.join(sorted(others))} too, which is not looked at")
            text, pair = input_["text"], input_.get("text_pair")
        elif isinstance(input_, list | tuple) and len(input_) == 1 and isinstance(input_[0], list | tuple):
            text, pair = input_[0]
        else:
            text, pair = input_, None
        if not isinstance(text, str):
            raise InputError(f"a text was expected, found {text!r:.80}; a pair is {{'text': ..., 'text_pair': ...}}")
        return encode(self.tokenizer, text, pair, **options)

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        logits = self.model(**tensors(input_tensors)).logits
        return {"logits": logits, "dropped_tokens": input_tensors["dropped_tokens"]}

    def postprocess(
        self,
        model_outputs: Any,
        function: ClassificationFunction | None = None,
        top_k: int | None = 1,
        plain: bool | None = True,
    ) -> Any:
        config = self.model.config
        values = scores(model_outputs["logits"][0], function or suited_function(config))
        answers = [Result(answer, model_outputs["dropped_tokens"]) for answer in best(values, config.id2label, top_k)]
        return answers[0] if plain else answers


def encode(tokenizer: Any, text: Any, pair: Any = None, **options: Any) -> dict[str, Any]:
    """What the model takes of a text, with `dropped_tokens`: how many were cut off it."""
    if options.get("return_tensors", "pt") != "pt":
        raise InputError(f"a pipeline makes torch tensors; return_tensors={options['return_tensors']!r} cannot be used")
    encoded = tokenizer(text, pair, **{**options, "return_tensors": "pt", "return_attention_mask": True})
    return {**encoded, "dropped_tokens": sum(encoded.dropped_tokens)}


PIPELINE = TextClassificationPipeline
