"""The processor of models that segment on demand: images, and points, boxes and maps that belong to them."""

from typing import Any, ClassVar

from ..core.errors import InputError
from ..core.signatures import undecorated
from .batch import BatchFeature
from .image.promptable import longest_edge_size
from .processor import ProcessorMixin
from .prompts import Sizes, padded, read_boxes, read_labels, read_points, sizes_given


class PromptProcessor(ProcessorMixin):
    """What an image processor gives, with `input_points`, `input_labels` and `input_boxes` in the pixels of resized images.

    Class attributes: `point_pad_value`, what stands where a mask has fewer points than others; `uneven`, whether images may
    have several numbers of masks, of points at least.
    """

    point_pad_value: int = -10
    uneven: ClassVar[bool] = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.__call__ = undecorated(cls.__call__)  # type: ignore[method-assign]  # shows prompts, and not the parts' inputs alone

    @property
    def target_size(self) -> int:
        """The longer edge of resized images, in pixels."""
        size = self.image_processor.size
        return int(size.get("longest_edge") or max(size["height"], size["width"]))

    def resized(self, sizes: Sizes) -> Sizes:
        """Heights and widths of images once they are resized."""
        return [longest_edge_size(*size, self.target_size) for size in sizes]

    def __call__(
        self,
        images: Any = None,
        text: Any = None,
        segmentation_maps: Any = None,
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        **options: Any,
    ) -> BatchFeature:
        """Args:
            images: as the image processor takes them. text: not taken by this model. segmentation_maps: one map an image.
            input_points: (across, down) in the pixels of each image, nested as [image][mask][point]; without masks all points
                of an image are of one, and for one image alone that may be left out too. Masks may differ in their points.
            input_labels: nested in the same way, 1 for a point of the object (all, by default), 0 for one outside of it.
            input_boxes: [image][mask], each left, top, right and bottom.
            **options: those of the image processor, such as `return_tensors`.

        Raises:
            InputError: prompts that do not fit the images or each other; text.
        """
        if text is not None:
            raise InputError(f"{type(self).__name__} takes no text; what to segment is said by points and boxes")
        if images is None:
            raise InputError(f"{type(self).__name__} needs images")
        routed = self._route(options)["image_processor"]
        batch = self.pixels(images, segmentation_maps, routed)
        prompts = self.prompts(batch["original_sizes"], input_points, input_labels, input_boxes)
        made = BatchFeature(prompts, routed.get("return_tensors"))
        batch.update(made if routed.get("device") is None else made.to(routed["device"]))
        return batch

    def pixels(self, images: Any, segmentation_maps: Any, options: dict[str, Any]) -> BatchFeature:
        """What the image processor makes of images, and of their maps where there are some."""
        maps = {} if segmentation_maps is None else {"segmentation_maps": segmentation_maps}
        batch: BatchFeature = self.image_processor(images, **maps, **options)
        return batch

    def prompts(self, original_sizes: Any, points: Any, labels: Any, boxes: Any) -> dict[str, Any]:
        """The prompts of images of these heights and widths as arrays: points (B, P, N, 2), labels (B, P, N), boxes
        (B, P, 4)."""
        sizes = sizes_given(original_sizes)
        resized, prompts = self.resized(sizes), {}
        if labels is not None and points is None:
            raise InputError("input_labels say what points are; pass input_points too")
        if boxes is not None:
            prompts["input_boxes"] = read_boxes(boxes, sizes, resized)
        if points is not None:
            rows, fill = read_points(points, sizes, resized, self.uneven), self.point_pad_value
            prompts["input_points"] = padded(rows, fill)
            differ = len({len(each) for row in rows for each in row}) > 1 or len({len(row) for row in rows}) > 1
            if labels is not None:
                prompts["input_labels"] = padded(read_labels(labels, rows, self.uneven), fill)
            elif differ:
                prompts["input_labels"] = padded([[(each[:, 0] * 0 + 1).astype(int) for each in row] for row in rows], fill)
            masks = prompts["input_points"].shape[1]
            if boxes is not None and masks != prompts["input_boxes"].shape[1]:
                raise InputError(
                    f"input_points are for {masks} masks of each image, input_boxes for"
                    f" {prompts['input_boxes'].shape[1]}; expected the same"
                )
        return prompts

    def post_process_masks(self, *args: Any, **kwargs: Any) -> list[Any]:
        """See the image processor."""
        masks: list[Any] = self.image_processor.post_process_masks(*args, **kwargs)
        return masks
