"""Image feature extraction: a picture to the states of a model's last layer."""

from typing import Any, ClassVar

from ...core.errors import InputError
from ..base import Parameters, Pipeline, options_of
from ..batching import tensors
from .image_classification import one_of, pixels

__all__ = ["ImageFeatureExtractionPipeline"]

CHECKPOINTS = {"google/vit-base-patch16-224": "vit"}


class ImageFeatureExtractionPipeline(Pipeline):
    """States (1, T, D) of a picture of T patches and further tokens, as nested lists.

    Inputs are those of image classification.

    Keywords of a call:
        return_tensors: True or "pt" gives a tensor instead of lists. pool: True gives the model's pooled vector (1, D).
        image_processor_kwargs: settings of the image processor. timeout: seconds to wait for a server.
    """

    parts = ("image_processor",)
    models: ClassVar[tuple[str, ...]] = ("AutoModel",)

    def _sanitize_parameters(
        self,
        image_processor_kwargs: dict[str, Any] | None = None,
        return_tensors: Any = None,
        pool: bool | None = None,
        timeout: float | None = None,
    ) -> Parameters:
        before: dict[str, Any] = options_of(image_processor_kwargs=image_processor_kwargs)
        before |= {} if timeout is None else {"timeout": timeout}
        after = {} if return_tensors is None else {"return_tensors": bool(return_tensors)}
        return before, {} if pool is None else {"pool": pool}, after

    def __call__(self, inputs: Any = None, *, images: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, images=images), **parameters)

    def preprocess(self, input_: Any, timeout: float | None = None, **options: Any) -> Any:
        return pixels(self, input_, timeout, **options)

    def _forward(self, input_tensors: Any, pool: bool = False) -> dict[str, Any]:
        output = self.model(**tensors(input_tensors))
        if not pool:
            return {"features": output[0]}
        if "pooler_output" not in output:
            raise InputError(f"pool=True: a {type(self.model).__name__} gives no pooled vector; take the states")
        return {"features": output["pooler_output"]}

    def postprocess(self, model_outputs: Any, return_tensors: bool = False) -> Any:
        features = model_outputs["features"]
        return features.clone() if return_tensors else features.tolist()


PIPELINE = ImageFeatureExtractionPipeline
