"""`bestiary see`: the answer of the pipeline, printed and drawn."""

import json

import numpy as np
import pytest
from kit import checkpoints
from PIL import Image

import bestiary
from bestiary import draw


@pytest.fixture
def picture(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pixels = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(pixels).save("cat.png")
    return tmp_path / "cat.png"


@pytest.mark.parametrize(
    ("folder", "task", "options", "call", "drawing"),
    [
        (lambda: checkpoints.vit("ViTForImageClassification"), "image-classification", [], {}, "draw_labels"),
        (checkpoints.detr, "object-detection", ["--threshold", "0.1"], {"threshold": 0.1}, "draw_boxes"),
        (
            checkpoints.clip, "zero-shot-image-classification", ["--label", "a cat", "--label", "a dog"],
            {"candidate_labels": ["a cat", "a dog"]}, "draw_labels",
        ),
    ],
)  # fmt: skip
def test_it_prints_and_draws_what_the_pipeline_says(command, picture, folder, task, options, call, drawing):
    model = str(folder())
    answer = bestiary.pipeline(task, model=model)(str(picture), **call)
    code, out, err = command("see", "cat.png", "-m", model, *options, "--json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown["picture"] == "cat.png"
    assert [(each["label"], each.get("box")) for each in shown["answer"]] == [
        (each["label"], each.get("box")) for each in answer
    ]
    expected = getattr(draw, drawing)(Image.open(picture), answer)
    assert np.array_equal(np.asarray(Image.open(shown["drawn"])), np.asarray(expected))
    lines = command("see", "cat.png", "-m", model, *options, "-o", "seen.png")[1].splitlines()
    assert [line.split("\t")[1] for line in lines] == [each["label"] for each in answer]
    assert Image.open("seen.png").size == expected.size


def test_masks_are_told_by_the_part_of_the_picture_that_they_cover(command, picture):
    model = str(checkpoints.segformer())
    answer = bestiary.pipeline("image-segmentation", model=model)(str(picture))
    shown = json.loads(command("see", "cat.png", "-m", model, "--json")[1])
    shares = [(np.asarray(each["mask"]) > 0).mean() for each in answer]
    assert [each["label"] for each in shown["answer"]] == [each["label"] for each in answer]
    assert [each["share"] for each in shown["answer"]] == pytest.approx(shares, abs=1e-4)
    expected = draw.draw_masks(Image.open(picture), answer)
    assert np.array_equal(np.asarray(Image.open(shown["drawn"])), np.asarray(expected))
    lines = command("see", "cat.png", "-m", model)[1].splitlines()
    assert lines[0].split("\t")[-1] == f"{100 * shown['answer'][0]['share']:.2f} %"


def test_depth_is_told_by_its_range(command, picture):
    model = str(checkpoints.glpn())
    depth = bestiary.pipeline("depth-estimation", model=model)(str(picture))["predicted_depth"]
    shown = json.loads(command("see", "cat.png", "-m", model, "--json")[1])
    assert [each["score"] for each in shown["answer"]] == [float(depth.min()), float(depth.max())]
    assert np.array_equal(np.asarray(Image.open(shown["drawn"])), np.asarray(draw.draw_depth(depth)))


def test_a_larger_picture_is_written(command, picture):
    model = str(checkpoints.swin2sr())
    made = bestiary.pipeline("image-to-image", model=model)(str(picture))
    shown = json.loads(command("see", "cat.png", "-m", model, "--task", "image-to-image", "--json")[1])
    assert shown["answer"] == [{"label": f"{made.width} x {made.height} pixels", "width": made.width, "height": made.height}]
    assert np.array_equal(np.asarray(Image.open(shown["drawn"])), np.asarray(made))


def test_several_pictures_go_into_a_folder(command, picture):
    model = str(checkpoints.vit("ViTForImageClassification"))
    Image.open(picture).save("dog.png")
    (picture.parent / "out").mkdir()
    assert command("see", "cat.png", "dog.png", "-m", model, "-o", "out")[0] == 0
    assert sorted(each.name for each in (picture.parent / "out").iterdir()) == ["cat.seen.png", "dog.seen.png"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["missing.png"], "there is no file missing.png"),
        (["cat.png", "-o", "cat.png"], "is one of the pictures"),
        (["cat.png", "-o", "cat.jpg"], "drawings are PNG files"),
        (["cat.png", "cat.png"], "is one of the pictures, or of another's drawing"),
        (["cat.png", "--task", "text-generation"], "text-generation is not a way of looking at one picture"),
        (["cat.png", "--label", "cat"], "has its own labels"),
        (["cat.png", "-o", "nowhere/out.png"], "cannot be written"),
    ],
)
def test_misuse_is_told_before_or_in_one_line(command, picture, arguments, said):
    code, out, err = command("see", *arguments, "-m", str(checkpoints.vit("ViTForImageClassification")))
    assert code != 0
    assert out == ""
    assert said in " ".join(err.replace("│", " ").split())


def test_points_of_a_pair_are_joined(command, picture):
    Image.open(picture).rotate(180).save("dog.png")
    model = str(checkpoints.lightglue())
    answer = bestiary.pipeline("keypoint-matching", model=model)((str(picture), "dog.png"))
    assert answer
    code, out, err = command("see", "cat.png", "dog.png", "-m", model, "--json")
    assert (code, err) == (0, "")
    shown = json.loads(out)
    assert shown["picture"] == "cat.png dog.png"
    assert len(shown["answer"]) == len(answer)
    expected = draw.draw_matches(Image.open("cat.png"), Image.open("dog.png"), answer)
    assert np.array_equal(np.asarray(Image.open("cat-dog.seen.png")), np.asarray(expected))
    code, out, _ = command("see", "cat.png", "dog.png", "-m", model)
    x, y = answer[0]["keypoint_image_0"].values()
    assert code == 0
    assert f"{x} {y} - " in out
    code, _, err = command("see", "cat.png", "-m", model)
    assert code != 0
    assert "takes pairs of pictures" in " ".join(err.replace("│", " ").split())
