"""Zero-shot classification: a text and labels of one's own to scores, by a model that knows what follows from what."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from string import Formatter
from typing import Any, ClassVar

import torch

from ...core.errors import ArgumentError, InputError
from ...core.logging import warn_once
from ..base import ChunkPipeline, Parameters, Result, options_of
from ..batching import tensors
from .text_classification import encode

__all__ = ["ZeroShotClassificationPipeline"]

CHECKPOINTS = {"facebook/bart-large-mnli": "bart"}


class ZeroShotClassificationPipeline(ChunkPipeline):
    """`{"sequence", "labels", "scores"}` for a text, labels best first.

    Each label is put into a hypothesis, and the model says how far the text entails it.

    Keywords of a call:
        candidate_labels: a list of labels, or one text with commas between them. Also the second positional argument.
        hypothesis_template: the sentence with {} for the label ("This example is {}.").
        multi_label: False: one label is right, scores sum to 1. True: each by itself, entailment against contradiction.
        tokenizer_kwargs: options of the tokenizer; by default the text is cut so that it fits together with the hypothesis.
    """

    parts = ("tokenizer",)
    models: ClassVar[tuple[str, ...]] = ("AutoModelForSequenceClassification",)

    def _sanitize_parameters(
        self,
        candidate_labels: Any = None,
        hypothesis_template: str | None = None,
        multi_label: bool | None = None,
        tokenizer_kwargs: dict[str, Any] | None = None,
    ) -> Parameters:
        before: dict[str, Any] = {}
        if candidate_labels is not None:
            before["labels"] = read_labels(candidate_labels)
        if hypothesis_template is not None:
            before["template"] = check_template(hypothesis_template)
        if tokenizer_kwargs is not None:
            before["options"] = self.tokenizer_options(options_of(tokenizer_kwargs=tokenizer_kwargs))
        return before, {}, {} if multi_label is None else {"multi_label": multi_label}

    def __call__(self, sequences: Any, candidate_labels: Any = None, **parameters: Any) -> Any:  # type: ignore[override]
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        if candidate_labels is not None:
            parameters["candidate_labels"] = candidate_labels
        return super().__call__(sequences, **parameters)

    def preprocess(
        self,
        input_: Any,
        labels: list[str] | None = None,
        template: str = "This example is {}.",
        options: dict[str, Any] | None = None,
    ) -> Iterator[dict[str, Any]]:
        if not labels:
            raise ArgumentError("pass candidate_labels=: a list of labels, or one text with commas between them")
        if not isinstance(input_, str) or not input_:
            raise InputError(f"a text was expected, found {input_!r:.60}")
        limited = {"truncation": "only_first"} if self.tokenizer.model_max_length < int(1e29) else {}
        for label in labels:
            unit = encode(self.tokenizer, input_, template.format(label), **{**limited, **(options or {})})
            yield {**unit, "sequence": input_, "label": label}

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        logits = self.model(**tensors(input_tensors)).logits
        return {"logits": logits, **{name: input_tensors[name] for name in ("sequence", "label", "dropped_tokens")}}

    @property
    def entailment_id(self) -> int:
        """The class that means entailment: the one whose name begins with "entail", else the last."""
        named = self._class_named("entail")
        if named is not None:
            return named
        names = ", ".join(self.model.config.label2id)
        warn_once("no-entailment", f"no label of the model is called entailment ({names}); its last class is taken for it")
        return int(self.model.config.num_labels) - 1

    @property
    def contradiction_id(self) -> int:
        """The class that means contradiction: the one whose name begins with "contradict", else the first or the last."""
        named = self._class_named("contradict")
        if named is not None:
            return named
        return int(self.model.config.num_labels) - 1 if self.entailment_id == 0 else 0

    def _class_named(self, beginning: str) -> int | None:
        labels = self.model.config.label2id.items()
        return next((int(index) for label, index in labels if label.lower().startswith(beginning)), None)

    def postprocess(self, model_outputs: Any, multi_label: bool = False) -> Result:
        logits = torch.cat([output["logits"] for output in model_outputs]).float()
        if multi_label or len(logits) == 1:
            scores = logits[:, [self.contradiction_id, self.entailment_id]].softmax(1)[:, 1]
        else:
            scores = logits[:, self.entailment_id].softmax(0)
        values, order = scores.sort(descending=True, stable=True)
        labels = [model_outputs[index]["label"] for index in order.tolist()]
        answer = {"sequence": model_outputs[0]["sequence"], "labels": labels, "scores": values.tolist()}
        return Result(answer, max(output["dropped_tokens"] for output in model_outputs))


def read_labels(labels: Any) -> list[Any]:
    """A list of labels, from itself or from one text with commas between them; what is no text is written as one."""
    if isinstance(labels, str):
        names = [label.strip() for label in labels.split(",") if label.strip()]
    else:
        names = list(labels) if isinstance(labels, Iterable) else []
    if not names:
        raise InputError(f"candidate_labels is {labels!r:.80}; expected at least one label")
    return names


def check_template(template: str, required: bool = True) -> str:
    """`template` if a label can be put into it, at {} or at every {0}; without a place it is told once, or refused."""
    places: list[tuple[str, str]] | None = None
    if isinstance(template, str):
        with suppress(ValueError):  # a single brace
            places = [(name, spec or "") for _, name, spec, _ in Formatter().parse(template) if name is not None]
    if places is not None and not places and not required:
        warn_once(
            "no-label-place", f"hypothesis_template {template!r:.80} has no {{}} for the label, so all labels score alike"
        )
        return template
    numbered = places is not None and all(name == "0" for name, _ in places)
    # A width is a few digits: more would be spaces without end.
    endless = any(len(spec) > 4 or "{" in spec for _, spec in places or ())
    if not places or endless or not (numbered or [name for name, _ in places] == [""]):
        raise InputError(f"hypothesis_template is {template!r:.80}; expected a text with {{}} where the label belongs")
    return template


PIPELINE = ZeroShotClassificationPipeline
