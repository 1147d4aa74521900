"""The modules of SAM 2 on films. Parameter names are the published ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from ...core.errors import InputError
from ...core.outputs import ALWAYS, ModelOutput
from ...modeling.config import PreTrainedConfig
from ...modeling.film_session import FilmSession
from ...modeling.film_tracking import FilmTracking, Seen, frames_in_order
from ...modeling.mask_decoder import MaskMLP
from ...modeling.memory_attention import MemoryAttention
from ...modeling.memory_encoder import MemoryEncoder
from ..sam2.hiera import Sam2PreTrainedModel
from ..sam2.model import Sam2Model
from . import Sam2VideoConfig


@dataclass
class Sam2VideoSegmentationOutput(ModelOutput):
    """`object_ids`, those of the session; `pred_masks` (objects, 1, y, x), above 0 where each object is in the frame;
    `object_score_logits` (objects, 1), above 0 where it is seen; `frame_idx`, the number of the frame."""

    object_ids: list[int] | None = None
    pred_masks: Tensor = ALWAYS
    object_score_logits: Tensor | None = None
    frame_idx: int | None = None


class Sam2VideoPreTrainedModel(Sam2PreTrainedModel):
    """What all classes of SAM 2 on films share."""

    config_class: ClassVar[type[PreTrainedConfig]] = Sam2VideoConfig
    base_model_prefix = "sam2_video"
    _keys_to_ignore_on_load_unexpected = []


class Sam2VideoModel(FilmTracking, Sam2VideoPreTrainedModel, Sam2Model):
    """SAM 2 on films: an inference session, in which prompts are, to the masks of all objects in a frame."""

    config: Sam2VideoConfig  # type: ignore[assignment]

    def __init__(self, config: Sam2VideoConfig) -> None:
        super().__init__(config)  # type: ignore[arg-type]
        size, width = config.vision_config.fpn_hidden_size, config.memory_encoder_output_channels
        self.image_size, self.mem_dim, self.num_maskmem = config.image_size, width, config.num_maskmem
        self.no_memory_positional_encoding = nn.Parameter(torch.zeros(1, 1, size))
        self.memory_temporal_positional_encoding = nn.Parameter(torch.zeros(config.num_maskmem, 1, 1, width))
        self.no_object_pointer = nn.Parameter(torch.zeros(1, size))
        hidden = nn.Parameter(torch.zeros(1, width)) if config.enable_occlusion_spatial_embedding else None
        self.occlusion_spatial_embedding_parameter = hidden
        self.memory_attention = MemoryAttention(config)
        self.memory_encoder = MemoryEncoder(config)
        self.mask_downsample = nn.Conv2d(1, 1, kernel_size=4, stride=4)
        self.object_pointer_proj = MaskMLP(size, size, size, 3)
        told = config.enable_temporal_pos_encoding_for_object_pointers
        self.temporal_positional_encoding_projection_layer = nn.Linear(size, width) if told else nn.Identity()

    def takes_several(self, first: bool, points: Tensor | None) -> bool:
        """Whether the best of several masks is taken: of how many points a prompt is, and whether it is the `first` of an
        object."""
        config, count = self.config, 0 if points is None else points.shape[2]
        fits = config.multimask_min_pt_num <= count <= config.multimask_max_pt_num
        return config.multimask_output_in_sam and (first or config.multimask_output_for_tracking) and fits

    def look(
        self, session: FilmSession, index: int, frame: int, first: bool, reverse: bool, streams: bool
    ) -> tuple[Seen, Tensor, bool]:
        """An object in a frame, the last map of the frame, and whether a user says there what the object is."""
        points = session.point_inputs_per_obj[index].get(frame) if self.is_new(session, index) else None
        mask = session.mask_inputs_per_obj[index].get(frame) if self.is_new(session, index) else None
        if points is not None and mask is not None:
            raise InputError(f"object {session.obj_idx_to_id(index)} has both points and a mask in frame {frame}; one says it")
        maps, positions = self.vision(session, frame)
        if mask is not None:
            return self.as_given(maps, mask), maps[-1], True
        last = maps[-1]
        if self.num_maskmem and first:
            last = last + self.no_memory_embedding.view(1, -1, 1, 1)
        elif self.num_maskmem:
            last = self.conditioned(session, index, frame, last, positions, reverse, streams)
        coordinates, labels = (None, None) if points is None else (points["point_coords"], points["point_labels"])
        several = self.takes_several(first, coordinates)
        return self.segment([*maps[:-1], last], coordinates, labels, None, several), maps[-1], points is not None

    @staticmethod
    def is_new(session: FilmSession, index: int) -> bool:
        """Whether an object has prompts that were not looked at."""
        return session.obj_idx_to_id(index) in session.obj_with_new_inputs

    @torch.no_grad()
    def forward(  # type: ignore[override]  # films in the place of images
        self,
        inference_session: FilmSession,
        frame_idx: int | None = None,
        frame: Tensor | None = None,
        reverse: bool = False,
        run_mem_encoder: bool = True,
    ) -> Sam2VideoSegmentationOutput:
        """Args:
            inference_session: frames and prompts, and what was found before; this is added to it.
            frame_idx: the number of the frame to look at. frame: (C, Y, X), a frame that is added first, as films that are
                still running give them.
            reverse: memories are those of later frames. run_mem_encoder: remember this frame.

        Raises:
            InputError: no object, or no frame; an object of which nobody has said what it is.
        """
        session = inference_session
        if frame is not None:
            frame_idx = session.add_new_frame(frame, frame_idx)
        if frame_idx is None:
            raise InputError("pass frame_idx, the number of a frame of the session, or frame, a new one")
        if not session.get_obj_num():
            raise InputError("there are no objects to follow: add points, a box or a mask of one to the session first")
        masks, scores, is_streaming = [], [], frame is not None
        for index in range(session.get_obj_num()):
            known = frame_idx in session.output_dict_per_obj[index][session.kinds[0]]
            if known and not self.is_new(session, index):
                masks.append(session.get_output(index, frame_idx, "pred_masks"))
                scores.append(session.get_output(index, frame_idx, "object_score_logits"))
                continue
            first = self.is_new(session, index) and frame_idx not in session.frames_tracked_per_obj[index]
            reverse = reverse and not first
            seen, last, given = self.look(session, index, frame_idx, first, reverse, is_streaming)
            if given:
                session.obj_with_new_inputs.remove(session.obj_idx_to_id(index))
            found = seen.kept()
            if run_mem_encoder and self.num_maskmem:
                found |= self.memory(last, seen, given)
            session.store_output(index, frame_idx, output_value=found, is_conditioning_frame=first)
            if not first:
                session.frames_tracked_per_obj[index][frame_idx] = {"reverse": reverse}
            masks.append(seen.masks)
            scores.append(seen.score)
        return Sam2VideoSegmentationOutput(
            object_ids=list(session.obj_ids),
            pred_masks=torch.cat(masks),
            object_score_logits=torch.cat(scores).squeeze(-1),
            frame_idx=frame_idx,
        )

    def propagate_in_video_iterator(
        self,
        inference_session: FilmSession,
        start_frame_idx: int | None = None,
        max_frame_num_to_track: int | None = None,
        reverse: bool = False,
        show_progress_bar: bool = False,
    ) -> Iterator[Sam2VideoSegmentationOutput]:
        """The objects in one frame after the other.

        Args:
            start_frame_idx: where to start, by default the first frame in which a user says what an object is.
            max_frame_num_to_track: how many frames behind it. reverse: go backwards. show_progress_bar: tell how far it is.
        """
        frames = frames_in_order(inference_session, start_frame_idx, max_frame_num_to_track, reverse)
        if show_progress_bar:
            from tqdm import tqdm

            frames = tqdm(frames, desc="frames")
        for frame_idx in frames:
            yield self(inference_session, frame_idx=frame_idx, reverse=reverse)
