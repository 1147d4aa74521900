"""Objects followed through a film, frame by frame, by what is remembered of earlier ones (Ravi et al. 2024, SAM 2).

A frame in which a user says what an object is conditions all others. In each frame the map of the image looks at the memories
of some frames, and at one vector for the object in each of more of them.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import interpolate

from ..core.errors import InputError
from .film_session import FilmSession, Found
from .object_prompts import or_nowhere

NO_OBJECT = -1024.0  # what masks are where the object is not seen
SCALE, BIAS = 20.0, -10.0  # what a mask that a user gives is worth


class Seen(NamedTuple):
    """An object in one frame: `masks` (1, 1, y, x), the same as large as frames (1, 1, Y, X), a vector of the object (1, 1, D),
    the number above 0 where it is seen (1, 1, 1)."""

    masks: Tensor
    large: Tensor
    pointer: Tensor
    score: Tensor

    def kept(self) -> Found:
        """What a session keeps of it."""
        return {
            "pred_masks": self.masks,
            "object_pointer": self.pointer,
            "high_res_masks": self.large,
            "object_score_logits": self.score,
        }


def nearest_frames(frame: int, known: Mapping[int, Found], most: int) -> tuple[dict[int, Found], dict[int, Found]]:
    """Of the conditioning frames `known` the `most` nearest ones (-1: all), among them one before and one from `frame` on where
    there are such, and the others."""
    if most == -1 or len(known) <= most:
        return dict(known), {}
    before, behind = [each for each in known if each < frame], [each for each in known if each >= frame]
    chosen = [*([max(before)] if before else []), *([min(behind)] if behind else [])]
    others = sorted((each for each in known if each not in chosen), key=lambda each: abs(each - frame))
    chosen += others[: most - len(chosen)]
    return {each: known[each] for each in chosen}, {each: known[each] for each in known if each not in chosen}


class FilmTracking:
    """What a model of objects in films does in a frame, as a base of models with the parts that `Sam2VideoModel` has."""

    config: Any

    def vision(self, session: FilmSession, frame: int) -> tuple[list[Tensor], Tensor]:
        """The maps of a frame, the finest first, and the positions (y * x, 1, D) of the last one."""
        model: Any = self
        cached = session.cache.get_vision_features(frame)
        if cached is None:
            seen = model.vision_encoder(session.get_frame(frame).unsqueeze(0), return_dict=True)
            finest, finer, *others = seen.fpn_hidden_states
            maps = [model.mask_decoder.conv_s0(finest), model.mask_decoder.conv_s1(finer), *others]
            cached = maps, seen.fpn_position_encoding[-1].flatten(2).permute(2, 0, 1)
            session.cache.cache_vision_features(frame, cached)
        maps, positions = cached
        return list(maps), positions

    def segment(
        self, maps: list[Tensor], points: Tensor | None, labels: Tensor | None, masks: Tensor | None, several: bool
    ) -> Seen:
        """The object that prompts ask for; with `several` masks for what they may mean the best one."""
        model: Any = self
        *fine, last = maps
        prompts = or_nowhere(points, labels, None, last)
        tokens, dense = model.prompt_encoder(*prompts, masks, device=last.device)
        drawn = model.mask_decoder(last, model.image_positions(last.device), tokens, dense, several, fine)
        is_seen = drawn.seen > 0
        found = torch.where(is_seen[..., None, None], drawn.masks, NO_OBJECT)[:, 0]
        best = drawn.overlaps[:, 0].argmax(-1) if several else torch.zeros_like(drawn.overlaps[:, 0, 0], dtype=torch.long)
        rows = torch.arange(len(best), device=best.device)
        chosen, token = found[rows, best].unsqueeze(1), drawn.tokens[:, 0][rows, best].unsqueeze(1)
        size = (self.config.image_size, self.config.image_size)
        large = interpolate(chosen.float(), size, mode="bilinear", align_corners=False).to(chosen.dtype)
        pointer = torch.where(is_seen, model.object_pointer_proj(token), model.no_object_pointer)
        return Seen(chosen, large, pointer, drawn.seen)

    def as_given(self, maps: list[Tensor], mask: Tensor) -> Seen:
        """The object of which a user gives the mask (1, 1, Y, X)."""
        model: Any = self
        mask = mask.to(maps[-1].dtype)
        large = mask * SCALE + BIAS
        size = [edge // 4 for edge in large.shape[2:]]
        masks = interpolate(large.float(), size, mode="bilinear", align_corners=False, antialias=True).to(large.dtype)
        pointer = self.segment(maps, None, None, model.mask_downsample(mask), several=True).pointer
        is_seen = (mask > 0).flatten(1).any(1)[:, None, None]
        pointer = torch.where(is_seen, pointer, model.no_object_pointer)
        return Seen(masks, large, pointer, SCALE * is_seen.to(mask.dtype) + BIAS)

    def remembered(self, session: FilmSession, index: int, frame: int, reverse: bool) -> list[tuple[int, Found]]:
        """What is known of an object in the conditioning frames, and in those before `frame` (behind it where time is
        reversed): how many frames away, 0 of conditioning ones, and what was found."""
        config, outputs = self.config, session.output_dict_per_obj[index]
        conditioning, tracked = (outputs[kind] for kind in session.kinds)
        if not conditioning:
            raise InputError(
                f"object {session.obj_idx_to_id(index)} has no frame in which somebody says what it is; add points, a box or a"
                " mask of it, and run the model on that frame first"
            )
        chosen, others = nearest_frames(frame, conditioning, config.max_cond_frame_num)
        memories = [(0, found) for found in chosen.values()]
        for away in range(config.num_maskmem - 1, 0, -1):
            place = frame + away if reverse else frame - away
            found = tracked.get(place, others.get(place))
            if found is not None:
                memories.append((away, found))
        return memories

    def pointers(
        self, session: FilmSession, index: int, frame: int, reverse: bool, streams: bool
    ) -> tuple[list[int], list[Tensor], int]:
        """How many frames away, and the vectors of an object in them; the longest distance counted, plus 1."""
        most: int = self.config.max_object_pointers_in_encoder
        count = session.num_frames or 0
        most = most if streams else min(count, most)
        conditioning, tracked = (session.output_dict_per_obj[index][kind] for kind in session.kinds)
        sign, training = (-1 if reverse else 1), bool(getattr(self, "training", False))
        known = {
            sign * (frame - place): found
            for place, found in conditioning.items()
            if training or (place >= frame if reverse else place <= frame)
        }
        away, vectors = list(known), [found["object_pointer"] for found in known.values()]
        for distance in range(1, most):
            place = frame + distance if reverse else frame - distance
            if place < 0 or (not streams and place >= count):
                break
            if place in tracked:
                away.append(distance)
                vectors.append(tracked[place]["object_pointer"])
        return away, vectors, most

    def pointer_tokens(self, away: list[int], vectors: list[Tensor], most: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """Vectors of an object (1, 1, D) in the width of memories, several of each, and their positions, (S, 1, C)."""
        model: Any = self
        width: int = self.config.memory_encoder_output_channels
        tokens = torch.cat([each.to(like.device) for each in vectors])
        size = tokens.shape[-1]
        if self.config.enable_temporal_pos_encoding_for_object_pointers:
            distances = torch.tensor(away, dtype=torch.float32, device=like.device) / float(most - 1)
            positions = pointer_waves(distances, size).to(like.dtype)
            positions = model.temporal_positional_encoding_projection_layer(positions).unsqueeze(1)
        else:
            positions = like.new_zeros(len(away), 1, width)
        parts = max(size // width, 1)
        return tokens.reshape(-1, 1, min(width, size)), positions.repeat_interleave(parts, dim=0)

    def conditioned(
        self, session: FilmSession, index: int, frame: int, last: Tensor, positions: Tensor, reverse: bool, streams: bool
    ) -> Tensor:
        """The last map (1, D, y, x) of a frame behind what it sees in the memories of an object."""
        model: Any = self
        memories, places = [], []
        for away, found in self.remembered(session, index, frame, reverse):
            if "maskmem_features" not in found:
                raise InputError("a frame has no memory of the object; run the model on it with run_mem_encoder=True")
            memories.append(found["maskmem_features"].to(last.device))
            places.append(found["maskmem_pos_enc"].to(last.device) + model.memory_temporal_positional_encoding[away - 1])
        pointers = self.pointers(session, index, frame, reverse, streams)
        objects = 0
        if pointers[0]:
            tokens, where = self.pointer_tokens(*pointers, last)
            memories.append(tokens)
            places.append(where)
            objects = len(tokens)
        memory, where = torch.cat(memories).to(last.dtype), torch.cat(places)
        x: Tensor = model.memory_attention(last.flatten(2).permute(2, 0, 1), memory, positions, where, objects)
        return x.permute(1, 2, 0).reshape(last.shape)

    def memory(self, last: Tensor, seen: Seen, given: bool) -> Found:
        """What is remembered of a frame in which an object was seen; `given` where a user said what it is."""
        model: Any = self
        config = self.config
        height, width = (4 * edge for edge in model.prompt_encoder.mask_input_size)
        mask = seen.large
        if mask.shape[2:] != (height, width):
            mask = interpolate(mask.float(), (height, width), mode="bilinear", align_corners=False, antialias=True).to(
                mask.dtype
            )
        training = bool(getattr(self, "training", False))
        mask = (mask > 0).to(mask.dtype) if given and not training else mask.sigmoid()
        mask = mask * config.sigmoid_scale_for_mem_enc + config.sigmoid_bias_for_mem_enc
        features, positions = model.memory_encoder(last, mask)
        occluded = model.occlusion_spatial_embedding_parameter
        if occluded is not None:
            is_hidden = (seen.score <= 0).to(features.dtype)
            features = features + is_hidden[..., None] * occluded[..., None, None]
        return {
            "maskmem_features": features.to(torch.bfloat16).flatten(2).permute(2, 0, 1),
            "maskmem_pos_enc": positions.to(mask.dtype).flatten(2).permute(2, 0, 1),
        }


def pointer_waves(distances: Tensor, size: int) -> Tensor:
    """Sines, then cosines, of numbers (N,), with one wavelength for each two of a half (N, size)."""
    width = size // 2
    wavelengths = 10000 ** (2 * (torch.arange(width, device=distances.device) // 2).float() / width)
    angles = distances.unsqueeze(-1) / wavelengths
    return torch.cat((angles.sin(), angles.cos()), dim=-1)


def frames_in_order(session: FilmSession, start: int | None, most: int | None, reverse: bool) -> Iterable[int]:
    """The numbers of the frames to look at, from `start` on (None: the first one in which a user says what an object is), at
    most `most` behind it, backwards with `reverse`.

    Raises:
        InputError: there is no such frame, or there are no frames.
    """
    count = session.num_frames
    if count is None:
        raise InputError("the session has no frames; give it a video, or pass frames one by one to the model")
    if start is None:
        places = [place for found in session.output_dict_per_obj.values() for place in found[session.kinds[0]]]
        if not places:
            raise InputError(
                "no frame says where to start: pass start_frame_idx, or run the model on a frame with points, boxes or masks"
                " first"
            )
        start = min(places)
    most = count if most is None else most
    if reverse:
        return range(start, max(start - most, 0) - 1, -1) if start > 0 else range(0)
    return range(start, min(start + most, count - 1) + 1)
