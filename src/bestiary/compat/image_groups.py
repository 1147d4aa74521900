"""Images of one size processed at once, and put in their order again (`transformers.image_transforms`)."""

from typing import Any


def group_images_by_shape(
    images: Any, *paired_inputs: Any, disable_grouping: bool | None, is_nested: bool = False
) -> tuple[Any, ...]:
    """Images of one size stacked, so that they are processed at once.

    Args:
        images: tensors (C, Y, X), or with `is_nested` lists of them. paired_inputs: a list beside it, of the same form, each.
        disable_grouping: each image for itself; None: so on the CPU, where it is faster.

    Returns:
        {size: tensors (N, C, Y, X)}; for each of `paired_inputs` {size: list}; and where each image lies, for
        `reorder_images`: {number of the image: (size, place in the group)}.
    """
    import torch

    places: list[Any] = (
        [(row, column) for row, part in enumerate(images) for column in range(len(part))]
        if is_nested
        else list(range(len(images)))
    )

    def at(items: Any, place: Any) -> Any:
        return items[place[0]][place[1]] if is_nested else items[place]

    if disable_grouping is None:
        disable_grouping = not places or at(images, places[0]).device.type == "cpu"
    grouped: dict[Any, list[Any]] = {}
    paired: list[dict[Any, list[Any]]] = [{} for _ in paired_inputs]
    index: dict[Any, Any] = {}
    for place in places:
        image = at(images, place)
        size = place if disable_grouping else image.shape[1:]
        index[place] = (size, len(grouped.setdefault(size, [])))
        grouped[size].append(image)
        for table, items in zip(paired, paired_inputs, strict=True):
            table.setdefault(size, []).append(at(items, place))
    if is_nested:
        index["_num_sublists"] = len(images)
    return {size: torch.stack(group) for size, group in grouped.items()}, *paired, index


def reorder_images(
    processed_images: dict[Any, Any], grouped_images_index: dict[Any, Any], is_nested: bool = False
) -> list[Any]:
    """The images of `group_images_by_shape` in their order again."""
    if not is_nested:
        return [processed_images[size][place] for _, (size, place) in sorted(grouped_images_index.items())]
    index = dict(grouped_images_index)
    nested: list[Any] = [[] for _ in range(index.pop("_num_sublists"))]
    for (row, _), (size, place) in sorted(index.items()):
        nested[row].append(processed_images[size][place])
    return nested
