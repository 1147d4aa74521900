"""The processor of models that follow objects through films: prompts are put into a session (Ravi et al. 2024, SAM 2)."""

from collections.abc import Sequence
from typing import Any, ClassVar

from ..core.errors import InputError
from .batch import TensorType
from .square_prompts import SquarePromptProcessor

LEFT_TOP, RIGHT_BOTTOM = 2, 3  # the labels of points that are corners of a box


class FilmPromptProcessor(SquarePromptProcessor):
    """As `SquarePromptProcessor` for images; `init_video_session` and `add_inputs_to_inference_session` for films.

    Class attribute `session_class`: the state of objects in a film.
    """

    session_class: ClassVar[Any] = None

    def init_video_session(
        self,
        video: Any = None,
        inference_device: Any = "cpu",
        inference_state_device: Any = None,
        processing_device: Any = None,
        video_storage_device: Any = None,
        max_vision_features_cache_size: int = 1,
        dtype: Any = None,
    ) -> Any:
        """A session for a film, in any form that the video processor takes, or without one, whose frames come one by one.

        Args:
            inference_device: where the model is, and unless they are told apart also what was found
                (`inference_state_device`), the frames (`video_storage_device`), and what works on these
                (`processing_device`).
            max_vision_features_cache_size: of how many frames maps are kept. dtype: the model's, by default fp32.
        """
        session = self.session_class(
            inference_device=inference_device,
            inference_state_device=inference_device if inference_state_device is None else inference_state_device,
            video_storage_device=inference_device if video_storage_device is None else video_storage_device,
            max_vision_features_cache_size=max_vision_features_cache_size,
            dtype="float32" if dtype is None else dtype,
        )
        if video is not None:
            where = inference_device if processing_device is None else processing_device
            made = self.video_processor(video, device=where, return_tensors="pt")
            session.video_height, session.video_width = (int(edge) for edge in made["original_sizes"][0])
            for frame in made["pixel_values_videos"][0]:
                session.add_new_frame(frame)
        return session

    def add_inputs_to_inference_session(
        self,
        inference_session: Any,
        frame_idx: int,
        obj_ids: int | Sequence[int],
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        input_masks: Any = None,
        original_size: tuple[int, int] | None = None,
        clear_old_inputs: bool = True,
    ) -> Any:
        """Say what objects are in a frame of a film; the session, which is changed.

        Args:
            obj_ids: numbers of the objects, as you choose them. input_points, input_labels, input_boxes: as of `__call__`, of
                one image, whose masks are the objects, in pixels of the film. input_masks: one mask an object, or a list.
            original_size: height and width of the film, where the session does not know them.
            clear_old_inputs: points take the place of earlier ones of the object in this frame, rather than add to them.

        Raises:
            InputError: no prompt, or masks beside points or boxes; other numbers of prompts than of objects.
        """
        ids = [obj_ids] if isinstance(obj_ids, int) else list(obj_ids)
        if input_masks is None:
            prompts = (input_points, input_labels, input_boxes)
            return self.process_new_points_or_boxes_for_video_frame(
                inference_session, frame_idx, ids, *prompts, original_size, clear_old_inputs
            )
        if input_points is not None or input_boxes is not None:
            raise InputError("input_masks say what objects are, and so do input_points and input_boxes; pass one kind")
        return self.process_new_mask_for_video_frame(inference_session, frame_idx, ids, input_masks)

    def process_new_points_or_boxes_for_video_frame(
        self,
        inference_session: Any,
        frame_idx: int,
        obj_ids: list[int],
        input_points: Any = None,
        input_labels: Any = None,
        input_boxes: Any = None,
        original_size: tuple[int, int] | None = None,
        clear_old_inputs: bool = True,
    ) -> Any:
        """See `add_inputs_to_inference_session`."""
        import torch

        session = inference_session
        if input_points is None and input_boxes is None:
            raise InputError("pass input_points or input_boxes of the objects")
        if input_boxes is not None and not clear_old_inputs:
            raise InputError("a box comes before all points of an object; leave clear_old_inputs at True with input_boxes")
        if original_size is not None:
            session.video_height, session.video_width = original_size
        if session.video_height is None or session.video_width is None:
            raise InputError("pass original_size, height and width of the film, which the session does not know yet")
        made = self(
            input_points=input_points,
            input_labels=input_labels,
            input_boxes=input_boxes,
            original_sizes=[(session.video_height, session.video_width)],
            return_tensors=TensorType.PYTORCH,
        )
        points, labels, boxes = (made.get(name) for name in ("input_points", "input_labels", "input_boxes"))
        points = torch.empty(1, len(obj_ids) if boxes is None else boxes.shape[1], 0, 2) if points is None else points
        labels = torch.ones_like(points[..., 0], dtype=torch.long) if labels is None else labels
        if boxes is not None:
            kinds = torch.tensor([LEFT_TOP, RIGHT_BOTTOM]).expand(1, boxes.shape[1], 2)
            points = torch.cat((boxes.unflatten(-1, (2, 2)), points), dim=2)
            labels = torch.cat((kinds, labels), dim=2)
        self._check_count(obj_ids, points.shape[1])
        for place, each in enumerate(obj_ids):
            index = session.obj_id_to_idx(each)
            new = {"point_coords": points[:, place].unsqueeze(1), "point_labels": labels[:, place].unsqueeze(1)}
            known = None if clear_old_inputs else session.point_inputs_per_obj[index].get(frame_idx)
            if known is not None:
                new = {name: torch.cat((known[name], value.to(known[name].device)), dim=2) for name, value in new.items()}
            session.add_point_inputs(index, frame_idx, new)
            session.remove_mask_inputs(index, frame_idx)
        session.obj_with_new_inputs = list(obj_ids)
        return session

    def process_new_mask_for_video_frame(
        self, inference_session: Any, frame_idx: int, obj_ids: list[int], input_masks: Any
    ) -> Any:
        """See `add_inputs_to_inference_session`."""
        import torch
        from torch.nn.functional import interpolate

        session = inference_session
        masks = list(input_masks) if isinstance(input_masks, list | tuple) else [input_masks]
        if len(masks) == 1 and len(obj_ids) > 1:
            masks = list(torch.as_tensor(masks[0]))
        self._check_count(obj_ids, len(masks))
        edge = self.target_size
        for each, value in zip(obj_ids, masks, strict=True):
            mask = torch.as_tensor(value).to(session.inference_device).float()
            if mask.dim() > 4 or mask.dim() < 2 or mask.numel() != mask.shape[-1] * mask.shape[-2]:
                raise InputError(f"a mask has shape {tuple(mask.shape)}; expected (height, width), one mask an object")
            mask = mask.reshape(1, 1, *mask.shape[-2:])
            if mask.shape[2:] != (edge, edge):
                mask = interpolate(mask, (edge, edge), mode="bilinear", align_corners=False, antialias=True)
                mask = (mask >= 0.5).float()
            index = session.obj_id_to_idx(each)
            session.add_mask_inputs(index, frame_idx, mask)
            session.remove_point_inputs(index, frame_idx)
        session.obj_with_new_inputs = list(obj_ids)
        return session

    @staticmethod
    def _check_count(obj_ids: list[int], count: int) -> None:
        if len(obj_ids) != count:
            raise InputError(f"there are {len(obj_ids)} obj_ids, and prompts of {count} objects; expected as many")
        if len(set(obj_ids)) != len(obj_ids):
            raise InputError(f"obj_ids are {obj_ids}; expected each once")
