"""Objects followed through films by SAM 2, beside the reference: both in sessions of their own, step by step."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from kit.families import close, seed, spread
from kit.folders import kept_folder
from kit.segmentation_prompts import OBJECTS, PYRAMID, SCALED

import bestiary
from bestiary import InputError

Step = Callable[[Any, Any], list[Any]]
WIDE = {"hidden_size": 128}  # twice as wide as memories, which the published keys are 64 wide for
TINY: dict[str, Any] = {
    "vision_config": {**PYRAMID, "fpn_hidden_size": 128},
    "prompt_encoder_config": {**SCALED, **WIDE},
    "mask_decoder_config": {**OBJECTS, **WIDE},
    "image_size": 32,
    "num_maskmem": 3,
    "max_object_pointers_in_encoder": 4,
    "memory_attention_hidden_size": 128,
    "memory_attention_num_layers": 2,
    "memory_attention_feed_forward_hidden_size": 16,
    "memory_attention_rope_feat_sizes": [2, 2],
    "memory_encoder_hidden_size": 128,
    "mask_downsampler_embed_dim": 128,
    "memory_fuser_embed_dim": 128,
    "memory_fuser_intermediate_dim": 16,
}
VARIANTS: dict[str, dict[str, Any]] = {
    "usual": {},
    "hidden": {},  # no object is seen anywhere
    "forgetful": {"num_maskmem": 0},
    "plain": {
        "max_cond_frame_num": 1,
        "multimask_output_in_sam": False,
        "enable_temporal_pos_encoding_for_object_pointers": False,
        "enable_occlusion_spatial_embedding": False,
    },
    "of_three_points": {"multimask_output_for_tracking": False, "multimask_max_pt_num": 3, "max_cond_frame_num": 2},
    "two_heads": {"memory_attention_num_attention_heads": 2, "rope_parameters": {"rope_theta": 50.0, "rope_type": "axial"}},
}
FILM = torch.randn(7, 3, 32, 32, generator=torch.Generator().manual_seed(0))


@functools.cache
def models(variant: str) -> tuple[Any, Any, Path]:
    """Ours, the reference, and the folder that it saved."""
    seed(0)
    reference = transformers.Sam2VideoModel(transformers.Sam2VideoConfig(**{**TINY, **VARIANTS[variant]})).eval()
    spread(reference)
    with torch.no_grad():
        reference.mask_decoder.pred_obj_score_head.proj_out.bias.add_(-5.0 if variant == "hidden" else 0.3)
    folder = kept_folder(f"sam2_video-{variant}")
    reference.save_pretrained(folder)
    return bestiary.Sam2VideoModel.from_pretrained(folder), reference, folder


def asked(object_id: int, frame: int, places: list[list[float]], labels: list[int]) -> Step:
    """Points of an object, then what the model finds in that frame."""

    def step(model: Any, session: Any) -> list[Any]:
        inputs = {"point_coords": torch.tensor([[places]]), "point_labels": torch.tensor([[labels]])}
        session.add_point_inputs(session.obj_id_to_idx(object_id), frame, inputs)
        session.obj_with_new_inputs = [object_id]
        return [model(session, frame_idx=frame)]

    return step


def masked(object_id: int, frame: int) -> Step:
    """A mask of an object, then what the model finds in that frame."""

    def step(model: Any, session: Any) -> list[Any]:
        mask = torch.zeros(1, 1, 32, 32)
        mask[..., 5:20, 8:30] = 1
        session.add_mask_inputs(session.obj_id_to_idx(object_id), frame, mask)
        session.obj_with_new_inputs = [object_id]
        return [model(session, frame_idx=frame)]

    return step


def followed(**options: Any) -> Step:
    return lambda model, session: list(model.propagate_in_video_iterator(session, **options))


POINT = asked(3, 0, [[10.0, 12.0]], [1])
PLANS: dict[str, list[Step]] = {
    "one point": [POINT, followed()],
    "backwards": [asked(3, 3, [[10.0, 12.0], [3.0, 4.0]], [1, 0]), followed(reverse=True), followed(max_frame_num_to_track=2)],
    "a mask": [masked(1, 1), followed()],
    "two objects, one of them corrected": [
        POINT,
        asked(5, 0, [[2.0, 2.0], [30.0, 30.0]], [2, 3]),
        followed(start_frame_idx=0, max_frame_num_to_track=3),
        asked(3, 2, [[9.0, 9.0]], [0]),
        followed(),
    ],
    "three frames that say it": [POINT, asked(3, 3, [[5.0, 5.0]], [1]), asked(3, 6, [[25.0, 5.0]], [1]), followed()],
}


def session_of(library: Any, film: torch.Tensor | None) -> Any:
    return library.Sam2VideoInferenceSession(film, 40, 50, dtype=torch.float32)


def alike(ours: list[Any], published: list[Any]) -> None:
    assert len(ours) == len(published) > 2
    for mine, other in zip(ours, published, strict=True):
        assert list(mine.keys()) == list(other.keys())
        assert (mine.frame_idx, mine.object_ids) == (other.frame_idx, other.object_ids)
        close(mine.pred_masks, other.pred_masks, "pred_masks")
        close(mine.object_score_logits, other.object_score_logits, "object_score_logits")


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("plan", PLANS)
def test_objects_are_followed_as_published(plan: str, variant: str) -> None:
    ours, reference, _ = models(variant)
    mine, other = session_of(bestiary, FILM), session_of(transformers, FILM)
    found, published = ([each for step in PLANS[plan] for each in step(*pair)] for pair in ((ours, mine), (reference, other)))
    alike(found, published)
    assert (found[-1].pred_masks == -1024).all() == ((variant == "hidden" and plan != "a mask") or variant == "hidden")
    assert mine.frames_tracked_per_obj == other.frames_tracked_per_obj
    for index, outputs in other.output_dict_per_obj.items():
        for kind, frames in outputs.items():
            assert list(mine.output_dict_per_obj[index][kind]) == list(frames)
            for frame, stored in frames.items():
                for name, value in stored.items():
                    own = mine.output_dict_per_obj[index][kind][frame][name]
                    assert own.dtype == value.dtype
                    # memories are kept in bfloat16, whose last digit may fall to either side
                    tolerance = {"rtol": 1e-2, "atol": 1e-3} if own.dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
                    close(own.reshape(value.shape), value, name, **tolerance)


def test_frames_that_come_one_by_one() -> None:
    ours, reference, _ = models("usual")
    found = []
    for library, model in ((bestiary, ours), (transformers, reference)):
        session = session_of(library, None)
        session.add_new_frame(FILM[0])
        answers = asked(4, 0, [[10.0, 12.0]], [1])(model, session)
        answers += [model(session, frame=frame) for frame in FILM[1:]]
        assert session.num_frames == len(FILM)
        found.append(answers)
    alike(*found)


def test_files_hold_the_published_tensors(tmp_path: Path) -> None:
    ours, reference, folder = models("usual")
    ours.save_pretrained(tmp_path)
    again = transformers.Sam2VideoModel.from_pretrained(tmp_path)
    expected = reference.state_dict()
    assert list(again.state_dict()) == list(expected)
    assert all(torch.equal(value, expected[name]) for name, value in again.state_dict().items())
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in reference.named_parameters()]
    assert type(bestiary.AutoModel.from_pretrained(folder)) is bestiary.Sam2VideoModel
    assert bestiary.Sam2VideoConfig(memory_attention_rope_theta=50.0).rope_parameters["rope_theta"] == 50.0


def test_single_images_are_looked_at_without_memories() -> None:
    _, _, folder = models("usual")
    with torch.no_grad():
        published = transformers.Sam2Model.from_pretrained(folder).eval()(FILM[:2])
        ours = bestiary.AutoModelForMaskGeneration.from_pretrained(folder)
        assert type(ours) is bestiary.Sam2Model
        close(ours(FILM[:2]).pred_masks, published.pred_masks)


def test_what_a_session_forgets() -> None:
    model, _, _ = models("usual")
    session = session_of(bestiary, FILM[:3])
    first = asked(3, 0, [[10.0, 12.0]], [1])(model, session)
    assert list(session.cache._vision_features) == [0]
    session.reset_tracking_data()
    assert (session.get_obj_num(), session.obj_ids, list(session.cache._vision_features)) == (0, [], [0])
    session.reset_inference_session()
    assert (session.num_frames, list(session.cache._vision_features)) == (3, [])
    close(asked(3, 0, [[10.0, 12.0]], [1])(model, session)[0].pred_masks, first[0].pred_masks)


def test_what_cannot_be_followed_is_refused_in_words() -> None:
    model, _, _ = models("usual")
    session = session_of(bestiary, FILM[:2])
    with pytest.raises(InputError, match="no objects to follow"):
        model(session, frame_idx=0)
    with pytest.raises(InputError, match="where to start"):
        list(model.propagate_in_video_iterator(session))
    session.obj_id_to_idx(1)
    with pytest.raises(InputError, match="no frame in which somebody says"):
        model(session, frame_idx=0)
    with pytest.raises(InputError, match="pass frame_idx"):
        model(session)
    with pytest.raises(InputError, match="there is no frame 9"):
        asked(1, 9, [[1.0, 1.0]], [1])(model, session)
    with pytest.raises(InputError, match="expected .channels, height, width."):
        session.add_new_frame(FILM)
