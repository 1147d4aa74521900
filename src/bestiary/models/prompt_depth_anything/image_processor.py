"""How Prompt Depth Anything's checkpoints want their images and the coarse depths that go with them."""

from typing import Any, ClassVar

import numpy as np

from ...core.errors import InputError
from ...core.kinds import Positive
from ...preprocess.batch import BatchFeature, TensorType
from ...preprocess.image.depth import DepthMixin
from ...preprocess.image.multiples import MultiplesImageProcessor
from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.reading import PILImageResampling, flat_list, to_array


class PromptDepthAnythingImageProcessor(DepthMixin, MultiplesImageProcessor):
    """384 x 384 bicubic, mean and deviation 0.5; prompts times `prompt_scale_to_meter` are metres."""

    model_input_names: ClassVar[list[str]] = ["pixel_values", "prompt_depth"]

    size: Size = edges(height=384, width=384)
    resample: int = PILImageResampling.BICUBIC
    do_pad: bool | None = False
    prompt_scale_to_meter: Positive = 0.001

    def preprocess(
        self,
        images: Any,
        prompt_depth: Any = None,
        *,
        return_tensors: str | TensorType | None = None,
        device: Any = None,
        **overrides: Any,
    ) -> BatchFeature:
        """As every image processor; with `prompt_depth` also `prompt_depth` (B, 1, y, x) in metres.

        Args:
            prompt_depth: of each image (or of the one) a map (Y, X) of any size, whose numbers are millimetres if
                `prompt_scale_to_meter` is 0.001.

        Raises:
            InputError: not one for each image, or no map.
        """
        settings = {name: value for name, value in overrides.items() if name in self.field_names()}
        batch = super().preprocess(images, return_tensors=return_tensors, device=device, **overrides)
        if prompt_depth is None:
            return batch
        prompts = [self._prompt(each, index, settings) for index, each in enumerate(flat_list(prompt_depth))]
        if len(prompts) != len(batch["pixel_values"]):
            raise InputError(f"{len(prompts)} prompt_depth for {len(batch['pixel_values'])} images; expected one for each")
        made = BatchFeature({"prompt_depth": prompts}, return_tensors)
        if device is not None and return_tensors == TensorType.PYTORCH:
            made = made.to(device)
        batch["prompt_depth"] = made["prompt_depth"]
        return batch

    def _prompt(self, prompt: Any, index: int, settings: dict[str, Any]) -> np.ndarray:
        array = to_array(prompt, False, None, index)
        if array.shape[-1] != 1:
            raise InputError(f"prompt_depth {index} has shape {array.shape}; expected a map of one number for each place")
        scale = settings.get("prompt_scale_to_meter") or self.prompt_scale_to_meter
        depth = array[..., 0] * scale
        if (depth == depth.flat[0]).all():
            depth[0, 0] += 1e-6
        return depth[None].astype(np.float32)


PromptDepthAnythingImageProcessorFast = PromptDepthAnythingImageProcessorPil = PromptDepthAnythingImageProcessor
