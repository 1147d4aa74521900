"""Pairs that end before the last layer, and points that are left out on the way."""

from typing import Any

import pytest
import torch
import transformers
from kit.families import cases

import bestiary

CONFIG = cases()["lightglue"].config
MANY = {**CONFIG["keypoint_detector_config"], "max_keypoints": 24}


def made(sure: list[float], tmp_path: Any, **config: Any) -> tuple[Any, Any]:
    """Both libraries' model; `sure` is how certain points are behind each layer, before the sigmoid."""
    torch.default_generator.manual_seed(0)
    settings = {**CONFIG, "num_hidden_layers": len(sure) + 1, "keypoint_detector_config": MANY, **config}
    reference = transformers.LightGlueForKeypointMatching(transformers.LightGlueConfig(**settings)).eval()
    with torch.no_grad():
        for name, part in reference.named_parameters():  # points as unlike each other as those of trained models
            part.add_(torch.randn_like(part) * (0.15 if "detector" in name else 0.3))
        for layer, value in zip(reference.token_confidence, sure, strict=True):
            layer.token.bias.fill_(value)
            layer.token.weight.mul_(9 if abs(value) < 9 else 1)
        for layer in reference.match_assignment_layers:
            layer.matchability.weight.mul_(9)
    reference.save_pretrained(tmp_path)
    return bestiary.LightGlueForKeypointMatching.from_pretrained(tmp_path), reference


@torch.no_grad()
@pytest.mark.parametrize(("sure", "layers"), [([9.0, 9.0], 1), ([-9.0, 9.0], 2), ([-9.0, -9.0], 3)])
def test_certain_pairs_end_early(sure: list[float], layers: int, tmp_path: Any) -> None:
    ours, reference = made(sure, tmp_path)
    pairs = torch.rand(2, 2, 3, 16, 24)
    found, expected = ours(pairs, output_attentions=True), reference(pairs)
    assert len(found.attentions) == 2 * layers
    for name in ("matches", "matching_scores", "prune", "mask"):
        torch.testing.assert_close(found[name], expected[name], atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_points_are_left_out_pair_by_pair(tmp_path: Any) -> None:
    """Each pair is what it is alone, though others in its batch keep more points."""
    ours, reference = made([9.0], tmp_path, width_confidence=0.5, depth_confidence=1.0)
    pairs, chances = torch.rand(4, 2, 3, 16, 24), []
    part = reference.match_assignment_layers[0].matchability
    with part.register_forward_hook(lambda module, args, output: chances.append(output)):
        reference(pairs)
    for model in (ours, reference):  # half of all points may match
        model.match_assignment_layers[0].matchability.bias.sub_(chances[0].median())
    together = ours(pairs)
    assert together.prune.unique().tolist() == [1, 2]
    for number, pair in enumerate(pairs):
        alone, expected = ours(pair[None]), reference(pair[None])
        for name in ("matches", "matching_scores", "prune"):
            torch.testing.assert_close(together[name][number], alone[name][0], atol=1e-5, rtol=1e-5)
        assert torch.equal(alone.prune, expected.prune)


@torch.no_grad()
@pytest.mark.parametrize("limits", [{"depth_confidence": -1.0}, {"width_confidence": -1.0}])
def test_one_way_to_save_work_alone(limits: dict[str, float], tmp_path: Any) -> None:
    """The published model fails where only one of both is asked for; where nothing is saved, both give the same."""
    ours, _ = made([-9.0, -9.0], tmp_path, **limits)
    plain, reference = made([-9.0, -9.0], tmp_path, depth_confidence=-1.0, width_confidence=-1.0)
    pairs = torch.rand(2, 2, 3, 16, 24)
    found, expected = plain(pairs), reference(pairs)
    torch.testing.assert_close(found.matching_scores.flatten(0, 1), expected.matching_scores, atol=1e-5, rtol=1e-5)
    assert torch.equal(found.matches.flatten(0, 1), expected.matches)
    assert found.prune.unique().tolist() == [3]
    if "depth_confidence" not in limits:
        assert torch.equal(ours(pairs).matches, found.matches)
    else:
        assert ours(pairs).matches.shape == found.matches.shape


@torch.no_grad()
def test_no_points(tmp_path: Any) -> None:
    ours, reference = made([0.0], tmp_path, keypoint_detector_config={**MANY, "keypoint_threshold": 1.0})
    pairs = torch.rand(2, 2, 3, 16, 24)
    found, expected = ours(pairs), reference(pairs)
    for name in ("matches", "matching_scores", "keypoints", "mask"):
        assert found[name].shape == expected[name].shape


def test_what_is_refused(tmp_path: Any) -> None:
    ours, _ = made([0.0], tmp_path)
    with pytest.raises(ValueError, match="expected pairs of images"):
        ours(torch.rand(2, 3, 16, 24))
    with pytest.raises(ValueError, match="has no loss"):
        ours(torch.rand(1, 2, 3, 16, 24), labels=torch.zeros(1))
