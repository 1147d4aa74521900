"""Maps of depth, as models predict them, brought to the sizes of the images."""

from typing import Any

from .segmentation import Sizes, sizes_of


class DepthMixin:
    """Predicted depth to maps of chosen sizes."""

    def post_process_depth_estimation(self, outputs: Any, target_sizes: Sizes = None) -> list[dict[str, Any]]:
        """`[{"predicted_depth": (Y, X)}, ...]`, of the sizes in `target_sizes`, else as predicted; bicubic.

        Args:
            outputs: a model's, with `predicted_depth` (B, y, x). target_sizes: height and width of each image.

        Raises:
            InputError: not one size for each image.
        """
        import torch

        maps = outputs.predicted_depth
        results = []
        for depth, size in zip(maps, sizes_of(target_sizes, len(maps)), strict=True):
            if size is not None:
                to = tuple(map(int, size))
                depth = torch.nn.functional.interpolate(depth[None, None], size=to, mode="bicubic", align_corners=False)[0, 0]
            results.append({"predicted_depth": depth})
        return results
