"""The state of objects that are followed through a film: its frames, what was asked for, what was found and is remembered."""

from collections import OrderedDict
from typing import Any, ClassVar

import torch
from torch import Tensor

from ..core.errors import InputError

Found = dict[str, Any]


class VisionCache:
    """Maps of the last few frames, by the number of the frame."""

    def __init__(self, size: int) -> None:
        self.max_vision_features_cache_size = size
        self._vision_features: OrderedDict[int, Any] = OrderedDict()

    def cache_vision_features(self, frame_idx: int, features: Any) -> None:
        """Keep the maps of a frame; the oldest give way."""
        while self._vision_features and len(self._vision_features) >= self.max_vision_features_cache_size:
            self._vision_features.popitem(last=False)
        if self.max_vision_features_cache_size > 0:
            self._vision_features[frame_idx] = features

    def get_vision_features(self, frame_idx: int) -> Any:
        """The maps of a frame, or None."""
        return self._vision_features.get(frame_idx)

    def clear_all(self) -> None:
        """Forget all maps."""
        self._vision_features.clear()


class FilmSession:
    """What is known of the objects in one film.

    Objects have ids, which users choose, and indices, in the order in which they came.

    Args:
        video: frames (T, C, Y, X) as the processor returns them; None where frames come one by one.
        video_height, video_width: of the film as it came, in which prompts are.
        inference_device: where the model is. inference_state_device: where what was found waits. video_storage_device: where
            frames wait. dtype: that of frames and memories, a torch dtype or its name.
        max_vision_features_cache_size: of how many frames the maps are kept.
    """

    kinds: ClassVar[tuple[str, str]] = ("cond_frame_outputs", "non_cond_frame_outputs")

    def __init__(
        self,
        video: Tensor | None = None,
        video_height: int | None = None,
        video_width: int | None = None,
        inference_device: torch.device | str = "cpu",
        inference_state_device: torch.device | str = "cpu",
        video_storage_device: torch.device | str = "cpu",
        dtype: torch.dtype | str = "float32",
        max_vision_features_cache_size: int = 1,
    ) -> None:
        self.dtype: torch.dtype = getattr(torch, dtype.removeprefix("torch.")) if isinstance(dtype, str) else dtype
        self.video_height, self.video_width = video_height, video_width
        self.inference_device, self.inference_state_device = inference_device, inference_state_device
        self.video_storage_device = video_storage_device
        self.max_vision_features_cache_size = max_vision_features_cache_size
        self.processed_frames: dict[int, Tensor] | None = None
        for frame in () if video is None else video:
            self.add_new_frame(frame)
        self.cache = VisionCache(max_vision_features_cache_size)
        self.reset_tracking_data()

    def reset_tracking_data(self) -> None:
        """Forget all objects; frames and their maps stay."""
        self._obj_id_to_idx: OrderedDict[int, int] = OrderedDict()
        self._obj_idx_to_id: OrderedDict[int, int] = OrderedDict()
        self.obj_ids: list[int] = []
        self.point_inputs_per_obj: dict[int, dict[int, dict[str, Tensor]]] = {}
        self.mask_inputs_per_obj: dict[int, dict[int, Tensor]] = {}
        self.output_dict_per_obj: dict[int, dict[str, dict[int, Found]]] = {}
        self.frames_tracked_per_obj: dict[int, dict[int, dict[str, bool]]] = {}
        self.obj_with_new_inputs: list[int] = []

    def reset_inference_session(self) -> None:
        """Forget all objects and all maps; frames stay."""
        self.reset_tracking_data()
        self.cache.clear_all()

    # frames ----------------------------------------------------------------------------------------------------------

    @property
    def num_frames(self) -> int | None:
        """How many frames there are; None before the first one."""
        return None if self.processed_frames is None else len(self.processed_frames)

    def add_new_frame(self, pixel_values: Tensor, frame_idx: int | None = None) -> int:
        """Add a frame (C, Y, X), or (1, C, Y, X), behind the others or as number `frame_idx`; returns its number."""
        if pixel_values.dim() == 4 and len(pixel_values) == 1:
            pixel_values = pixel_values[0]
        if pixel_values.dim() != 3:
            raise InputError(f"a frame has shape {tuple(pixel_values.shape)}; expected (channels, height, width)")
        frames = self.processed_frames = {} if self.processed_frames is None else self.processed_frames
        number = len(frames) if frame_idx is None else frame_idx
        frames[number] = pixel_values.to(self.video_storage_device, self.dtype)
        return number

    def get_frame(self, frame_idx: int) -> Tensor:
        """The frame of this number (C, Y, X), where the model is.

        Raises:
            InputError: there is none.
        """
        frames = self.processed_frames or {}
        if frame_idx not in frames:
            raise InputError(f"there is no frame {frame_idx}; there are {len(frames)} frames")
        return frames[frame_idx].to(self.inference_device)

    # objects ---------------------------------------------------------------------------------------------------------

    def obj_id_to_idx(self, obj_id: int) -> int:
        """The index of an object, which is new where its id is."""
        if obj_id not in self._obj_id_to_idx:
            index = len(self._obj_id_to_idx)
            self._obj_id_to_idx[obj_id], self._obj_idx_to_id[index] = index, obj_id
            self.obj_ids = list(self._obj_id_to_idx)
            self.point_inputs_per_obj[index], self.mask_inputs_per_obj[index] = {}, {}
            self.output_dict_per_obj[index] = {kind: {} for kind in self.kinds}
            self.frames_tracked_per_obj[index] = {}
        return self._obj_id_to_idx[obj_id]

    def obj_idx_to_id(self, obj_idx: int) -> int:
        """The id of the object with this index."""
        return self._obj_idx_to_id[obj_idx]

    def get_obj_num(self) -> int:
        """How many objects there are."""
        return len(self._obj_idx_to_id)

    # what was asked for ----------------------------------------------------------------------------------------------

    def add_point_inputs(self, obj_idx: int, frame_idx: int, inputs: dict[str, Tensor]) -> None:
        """Keep points of an object in a frame: `point_coords` (1, 1, N, 2) and `point_labels` (1, 1, N)."""
        moved = {name: value.to(self.inference_device) for name, value in inputs.items()}
        self.point_inputs_per_obj[obj_idx][frame_idx] = moved

    def remove_point_inputs(self, obj_idx: int, frame_idx: int) -> None:
        """Forget the points of an object in a frame."""
        self.point_inputs_per_obj[obj_idx].pop(frame_idx, None)

    def add_mask_inputs(self, obj_idx: int, frame_idx: int, inputs: Tensor) -> None:
        """Keep the mask (1, 1, Y, X) of an object in a frame."""
        self.mask_inputs_per_obj[obj_idx][frame_idx] = inputs.to(self.inference_device, self.dtype)

    def remove_mask_inputs(self, obj_idx: int, frame_idx: int) -> None:
        """Forget the mask of an object in a frame."""
        self.mask_inputs_per_obj[obj_idx].pop(frame_idx, None)

    # what was found --------------------------------------------------------------------------------------------------

    def store_output(
        self,
        obj_idx: int,
        frame_idx: int,
        output_key: str | None = None,
        output_value: Any = None,
        is_conditioning_frame: bool = True,
    ) -> None:
        """Keep what was found of an object in a frame: a dictionary, or the value of one key in it."""
        outputs = self.output_dict_per_obj[obj_idx][self.kinds[not is_conditioning_frame]]
        values = output_value if output_key is None else {output_key: output_value}
        kept = {name: self._waiting(value) for name, value in (values or {}).items()}
        if output_key is None:
            outputs[frame_idx] = kept
        else:
            outputs.setdefault(frame_idx, {}).update(kept)

    def _waiting(self, value: Any) -> Any:
        return value.to(self.inference_state_device) if isinstance(value, Tensor) else value

    def get_output(self, obj_idx: int, frame_idx: int, output_key: str, is_conditioning_frame: bool = True) -> Any:
        """What was found of an object in a frame, where the model is, or None."""
        outputs = self.output_dict_per_obj[obj_idx][self.kinds[not is_conditioning_frame]]
        value = outputs.get(frame_idx, {}).get(output_key)
        return value.to(self.inference_device) if isinstance(value, Tensor) else value
