"""How SuperPoint's checkpoints want their images, and points in pixels of the images themselves."""

from typing import Any

from ...core.errors import InputError
from ...preprocess.image.grey import GreyBackend
from ...preprocess.image.pil_backend import Size, edges
from ...preprocess.image.reading import PILImageResampling


class SuperPointImageProcessor(GreyBackend):
    """480 x 640 bilinear, pixels in 0..1; with `do_grayscale` all channels are the image's brightness."""

    do_resize: bool = True
    size: Size = edges(height=480, width=640)
    default_to_square: bool = False
    resample: int = PILImageResampling.BILINEAR
    do_rescale: bool = True

    def post_process_keypoint_detection(self, outputs: Any, target_sizes: Any) -> list[dict[str, Any]]:
        """Of each image `keypoints` (N, 2), x and y in its whole pixels, `scores` (N,) and `descriptors` (N, D).

        Args:
            outputs: what the model gave. target_sizes: height and width of each image, pairs or a tensor (B, 2).

        Raises:
            InputError: as many sizes as images were expected.
        """
        import torch

        sizes = target_sizes if isinstance(target_sizes, torch.Tensor) else torch.tensor(target_sizes)
        if sizes.shape != (len(outputs.mask), 2):
            raise InputError(
                f"target_sizes has shape {tuple(sizes.shape)}; expected height and width of each of {len(outputs.mask)} images"
            )
        pixels = (outputs.keypoints * sizes.flip(1).to(outputs.keypoints.device)[:, None]).to(torch.int32)
        rows = zip(outputs.mask.bool(), pixels, outputs.scores, outputs.descriptors, strict=True)
        return [
            {"keypoints": points[real], "scores": scores[real], "descriptors": vectors[real]}
            for real, points, scores, vectors in rows
        ]


SuperPointImageProcessorFast = SuperPointImageProcessorPil = SuperPointImageProcessor
