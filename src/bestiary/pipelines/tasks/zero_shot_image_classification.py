"""Zero-shot image classification: a picture and labels of one's own to scores."""

from typing import Any, ClassVar

from ...core.errors import ArgumentError
from ..base import Parameters, Pipeline, Result, options_of
from ..batching import tensors, to_device
from .image_classification import one_of, pixels
from .zero_shot_classification import check_template, read_labels

__all__ = ["ZeroShotImageClassificationPipeline"]

CHECKPOINTS = {"openai/clip-vit-base-patch32": "clip"}
IMPLIED = True


class ZeroShotImageClassificationPipeline(Pipeline):
    """`[{"score", "label"}, ...]` for a picture, best first; the scores sum to 1.

    Inputs are those of image classification; also as `image=`, or as `images=`, as releases before named it.

    Keywords of a call:
        candidate_labels: a list of labels, or one text with commas between them. Also the second positional argument.
        hypothesis_template: the caption with {} for the label ("This is a photo of {}.").
        tokenizer_kwargs: options of the tokenizer. timeout: seconds to wait for a server.
    """

    parts = ("image_processor", "tokenizer")
    models: ClassVar[tuple[str, ...]] = ("AutoModelForZeroShotImageClassification",)

    def _sanitize_parameters(
        self,
        candidate_labels: Any = None,
        hypothesis_template: str | None = None,
        tokenizer_kwargs: dict[str, Any] | None = None,
        timeout: float | None = None,
    ) -> Parameters:
        during: dict[str, Any] = {}
        if candidate_labels is not None:
            during["labels"] = read_labels(candidate_labels)
        if hypothesis_template is not None:
            during["template"] = check_template(hypothesis_template, required=False)
        if tokenizer_kwargs is not None:
            during["options"] = self.tokenizer_options(options_of(tokenizer_kwargs=tokenizer_kwargs))
        after = {"labels": during["labels"]} if "labels" in during else {}
        return {} if timeout is None else {"timeout": timeout}, during, after

    def __call__(
        self, inputs: Any = None, candidate_labels: Any = None, *, image: Any = None, images: Any = None, **parameters: Any
    ) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        if candidate_labels is not None:
            parameters["candidate_labels"] = candidate_labels
        elif "labels" not in self._forward_params:
            raise ArgumentError("pass candidate_labels=: a list of labels, or one text with commas between them")
        return super().__call__(one_of(image=image, images=images, inputs=inputs), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None) -> Any:
        return pixels(self, input_, timeout)

    def _forward(
        self,
        input_tensors: Any,
        labels: list[str],
        template: str = "This is a photo of {}.",
        options: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        captions = [template.format(label) for label in labels]
        texts = self.tokenizer(captions, **{"return_tensors": "pt", "padding": True, **(options or {})})
        output = self.model(**tensors(input_tensors), **to_device(dict(texts), self.device))
        return {"logits": output.logits_per_image}

    def postprocess(self, model_outputs: Any, labels: list[str]) -> list[Result]:
        values, order = model_outputs["logits"][0].float().softmax(-1).sort(descending=True, stable=True)
        pairs = zip(values.tolist(), order.tolist(), strict=True)
        return [Result({"score": score, "label": labels[index]}) for score, index in pairs]


PIPELINE = ZeroShotImageClassificationPipeline
