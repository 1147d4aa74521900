"""Pipelines over pictures, against the reference."""

import base64
import io
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from kit import checkpoints
from kit.pipelines import ours, reference, same
from PIL import Image

from bestiary.core.errors import ArgumentError, CorruptFile, InputError, NumericsError
from bestiary.core.logging import BestiaryWarning, forget_warnings
from bestiary.models.vit import ViTImageProcessor
from bestiary.pipelines import pipeline
from bestiary.pipelines.tasks.depth_estimation import grey
from bestiary.pipelines.tasks.image_to_image import as_picture

PICTURES = [
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (40 + seed, 50, 3), dtype=np.uint8)) for seed in range(3)
]
LABELS = ["cat", "a dog", "London"]
FOLDERS: dict[str, Any] = {
    "image-classification": lambda: checkpoints.vit("ViTForImageClassification"),
    "image-feature-extraction": lambda: checkpoints.vit("ViTModel"),
    "zero-shot-image-classification": checkpoints.clip,
    "object-detection": checkpoints.detr,
}


@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES[:1], PICTURES])
@pytest.mark.parametrize(
    "options", [{}, {"top_k": 1}, {"top_k": 100}, {"function_to_apply": "sigmoid"}, {"function_to_apply": "none"}]
)
def test_classification(inputs: Any, options: dict[str, Any]) -> None:
    folder = checkpoints.vit("ViTForImageClassification")
    same(ours("image-classification", folder)(inputs, **options), reference("image-classification", folder)(inputs, **options))


def test_every_form_of_a_picture(tmp_path: Any) -> None:
    made = ours("image-classification", checkpoints.vit("ViTForImageClassification"))
    expected = made(PICTURES[0])
    file = io.BytesIO()
    PICTURES[0].save(file, "PNG")
    (tmp_path / "a.png").write_bytes(file.getvalue())
    array = np.asarray(PICTURES[0])
    encoded = base64.b64encode(file.getvalue()).decode()
    for form in (str(tmp_path / "a.png"), tmp_path / "a.png", file.getvalue(), encoded, array, torch.from_numpy(array.copy())):
        assert made(form) == expected
    assert made(images=PICTURES[0]) == expected
    same(made([encoded, array]), [expected] * 2)


@pytest.mark.parametrize("options", [{}, {"pool": True}, {"image_processor_kwargs": {"do_normalize": False}}])
def test_features(options: dict[str, Any]) -> None:
    folder = checkpoints.vit("ViTModel")
    expected = reference("image-feature-extraction", folder)(PICTURES, **options)
    same(ours("image-feature-extraction", folder)(PICTURES, **options), expected)
    found = ours("image-feature-extraction", folder)(PICTURES[0], return_tensors=True, **options)
    same(found, torch.tensor(expected[0]))
    assert pipeline(model=folder).task == "image-feature-extraction"


@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES])
@pytest.mark.parametrize("options", [{}, {"hypothesis_template": "{} in a picture"}])
def test_zero_shot(inputs: Any, options: dict[str, Any]) -> None:
    made, other = (
        ours("zero-shot-image-classification", checkpoints.clip()),
        reference("zero-shot-image-classification", checkpoints.clip()),
    )
    expected = other(inputs, candidate_labels=LABELS, **options)
    same(made(inputs, candidate_labels=LABELS, **options), expected)
    same(made(inputs, ", ".join(LABELS), **options), expected)
    same(made(image=inputs, candidate_labels=LABELS, **options), expected)


def test_half_precision_takes_pictures() -> None:
    made = pipeline("image-classification", checkpoints.vit("ViTForImageClassification"), dtype=torch.bfloat16, device="cpu")
    assert len(made(PICTURES, top_k=3)) == 3


@pytest.mark.parametrize(
    ("inputs", "options", "error", "message"),
    [
        (3, {}, InputError, "int"),
        (None, {}, ArgumentError, "pass the input once"),
        (b"not a picture", {}, CorruptFile, "not an image"),
        ("nowhere.png!", {}, InputError, "neither an existing image file nor base64"),
        (PICTURES[0], {"topk": 3}, ArgumentError, "Did you mean 'top_k'"),
    ],
)
def test_wrong_use(inputs: Any, options: dict[str, Any], error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        ours("image-classification", checkpoints.vit("ViTForImageClassification"))(inputs, **options)


@pytest.mark.parametrize(
    ("task", "options", "error", "message"),
    [
        ("image-classification", {"num_workers": -1}, ArgumentError, "num_workers is -1; expected a whole number from 0"),
        ("image-classification", {"num_workers": "a"}, ArgumentError, "num_workers is 'a'"),
        ("image-classification", {"batch_size": 2.0}, ArgumentError, "batch_size is 2.0; expected a whole number from 1"),
        ("image-classification", {"top_k": "2"}, InputError, "top_k is '2'"),
        ("image-feature-extraction", {"image_processor_kwargs": 3}, ArgumentError, "expected a dictionary of options"),
        ("image-feature-extraction", {"image_processor_kwargs": {"return_tensors": "np"}}, ArgumentError, "leave it out"),
        ("zero-shot-image-classification", {"candidate_labels": 5}, InputError, "expected at least one label"),
        ("zero-shot-image-classification", {"candidate_labels": []}, InputError, "expected at least one label"),
        ("zero-shot-image-classification", {"tokenizer_kwargs": 3}, ArgumentError, "expected a dictionary of options"),
        *(
            ("zero-shot-image-classification", {"hypothesis_template": template}, InputError, "where the label belongs")
            for template in ("{} and {}", "{label}", "{", "{0} {}", "{0.__class__}", "{:>10000000000}", "{:{}}", 3, ["{}"])
        ),
    ],
    ids=str,
)
def test_options_of_no_use(task: str, options: dict[str, Any], error: type[Exception], message: str) -> None:
    if task == "zero-shot-image-classification":
        options = {"candidate_labels": LABELS, **options}
    with pytest.raises(error, match=message):
        ours(task, FOLDERS[task]())(PICTURES, **options)


@pytest.mark.parametrize("task", ["image-classification", "image-feature-extraction", "zero-shot-image-classification"])
def test_one_image_for_each_answer(task: str) -> None:
    options = {"candidate_labels": LABELS} if task.startswith("zero-shot") else {}
    for inputs in (np.stack([np.asarray(PICTURES[0])] * 2), [[PICTURES[0]], PICTURES]):
        with pytest.raises(InputError, match="one input holds [23] images; pass a list"):
            ours(task, FOLDERS[task]())(inputs, **options)


@pytest.mark.parametrize("template", ["no place", "{0} {0}", "{:>9}", "{!r}"])
@pytest.mark.filterwarnings("ignore:hypothesis_template")
def test_templates_as_published(template: str) -> None:
    options = {"candidate_labels": LABELS, "hypothesis_template": template}
    task = "zero-shot-image-classification"
    same(ours(task, checkpoints.clip())(PICTURES[0], **options), reference(task, checkpoints.clip())(PICTURES[0], **options))
    forget_warnings()
    if template == "no place":
        with pytest.warns(BestiaryWarning, match="no-label-place"):
            ours(task, checkpoints.clip())(PICTURES[0], **options)


def test_numbers_of_other_libraries() -> None:
    classify, detect = (ours(task, FOLDERS[task]()) for task in ("image-classification", "object-detection"))
    assert classify(PICTURES[0], top_k=np.int64(2), batch_size=np.int64(1)) == classify(PICTURES[0], top_k=2)
    assert detect(PICTURES[0], threshold=torch.tensor(0.1)) == detect(PICTURES[0], threshold=0.1)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": 3}, "task is 3; expected the name of one"),
        ({"task": ["image-classification"]}, "expected the name of one"),
        ({"image_processor": 3}, "image_processor is 3; expected an object, a folder or a name"),
        ({"image_processor": ()}, "or .name, options."),
        ({"image_processor": ("folder", 3)}, "or .name, options."),
        ({"processor": 3}, "processor is 3"),
        ({"tokenizer": 3}, "tokenizer is 3"),
        ({"config": 3}, "config is 3; expected a config, a folder or a name"),
        ({"pipeline_class": 3}, "pipeline_class is 3; expected a class"),
        ({"model_kwargs": 3}, "model_kwargs is 3; expected a dictionary of options"),
        ({"device": [1]}, r"^\[1\] is no device: [^\n]*$"),
    ],
    ids=str,
)
def test_pipelines_that_cannot_be_built(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        pipeline(**{"task": "image-classification", "model": FOLDERS["image-classification"](), **options})


def test_labels_are_needed() -> None:
    with pytest.raises(ArgumentError, match="pass candidate_labels="):
        ours("zero-shot-image-classification", checkpoints.clip())(PICTURES[0])


@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES])
@pytest.mark.parametrize("options", [{"threshold": 0.2}, {"threshold": 0.0}, {"threshold": 1.0}, {}])
def test_objects(inputs: Any, options: dict[str, Any]) -> None:
    answers = ours("object-detection", checkpoints.detr())(inputs, **options)
    same(answers, reference("object-detection", checkpoints.detr())(inputs, **options))


def test_objects_in_every_form_of_a_picture() -> None:
    detect = ours("object-detection", checkpoints.detr())
    expected = detect(PICTURES[0], threshold=0.0)
    assert len(expected) == 9
    assert detect(np.asarray(PICTURES[0]), threshold=0.0) == expected
    assert detect(PICTURES, threshold=0.0, batch_size=3)[0] == expected
    assert pipeline(model=checkpoints.detr()).task == "object-detection"
    for wrong in ("x", "0.5", True, float("nan"), [0.5]):
        with pytest.raises(ArgumentError, match="threshold is .*; expected a probability, from 0 to 1"):
            detect(PICTURES[0], threshold=wrong)


@pytest.mark.parametrize(("threshold", "text"), [(2, "none of them is above"), (-1, "all of them are above")])
def test_objects_by_a_threshold_that_tells_nothing_apart(threshold: float, text: str) -> None:
    detect = ours("object-detection", checkpoints.detr())
    forget_warnings()
    with pytest.warns(BestiaryWarning, match=text):
        answers = detect(PICTURES[0], threshold=threshold)
    same(answers, reference("object-detection", checkpoints.detr())(PICTURES[0], threshold=threshold))


def segments(answers: Any) -> Any:
    """Answers with arrays in the place of masks."""
    if isinstance(answers, dict):
        return {name: np.asarray(value).tolist() if name == "mask" else value for name, value in answers.items()}
    return [segments(each) for each in answers]


@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES])
@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"threshold": 0.2, "mask_threshold": 0.1, "overlap_mask_area_threshold": 0.1},
        {"threshold": 0.2, "subtask": "instance", "overlap_mask_area_threshold": 0},
        {"subtask": "semantic"},
        {},
    ],
)
def test_segments(inputs: Any, options: dict[str, Any]) -> None:
    folder = checkpoints.detr_with_masks()
    answers = ours("image-segmentation", folder)(inputs, **options)
    same(segments(answers), segments(reference("image-segmentation", folder)(inputs, **options)))


@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES])
def test_classes_of_places(inputs: Any) -> None:
    made, other = (make("image-segmentation", checkpoints.segformer()) for make in (ours, reference))
    answers = made(inputs)
    same(segments(answers), segments(other(inputs)))
    first = answers if isinstance(answers[0], dict) else answers[0]
    assert {each["mask"].mode for each in first} == {"L"}
    assert {each["score"] for each in first} == {None}
    assert np.sum([np.asarray(each["mask"]) for each in first], 0).min() == 255  # every place has a class
    assert segments(list(made(iter(PICTURES), batch_size=2))) == segments(made(PICTURES))
    assert pipeline(model=checkpoints.segformer()).task == "image-segmentation"


def test_segments_nobody_can_make() -> None:
    for folder, subtask in ((checkpoints.segformer(), "panoptic"), (checkpoints.detr_with_masks(), "things"), (None, 3)):
        with pytest.raises(ArgumentError, match="can do these: "):
            ours("image-segmentation", folder or checkpoints.segformer())(PICTURES[0], subtask=subtask)
    for name in ("threshold", "mask_threshold", "overlap_mask_area_threshold"):
        with pytest.raises(ArgumentError, match=f"{name} is 'x'"):
            ours("image-segmentation", checkpoints.detr_with_masks())(PICTURES[0], **{name: "x"})
    other = pipeline("image-segmentation", str(checkpoints.segformer()), image_processor=ViTImageProcessor(size=32))
    with pytest.raises(InputError, match="ViTImageProcessor does not make segments"):
        other(PICTURES[0])


def test_labels_that_the_config_does_not_name() -> None:
    made = ours("image-segmentation", checkpoints.segformer())
    made.model.config.id2label = {0: "sky"}
    assert {each["label"] for each in made(PICTURES[0])} <= {"sky", "LABEL_1", "LABEL_2", "LABEL_3"}


@pytest.mark.parametrize("folder", [checkpoints.glpn, checkpoints.depth_anything])
@pytest.mark.parametrize("inputs", [PICTURES[0], PICTURES])
def test_depth(inputs: Any, folder: Any) -> None:
    made, other = (make("depth-estimation", folder()) for make in (ours, reference))
    found, expected = made(inputs), other(inputs)
    for one, theirs in zip(*([each] if isinstance(each, dict) else each for each in (found, expected)), strict=True):
        assert set(one) == set(theirs)
        same(one["predicted_depth"], theirs["predicted_depth"])
        assert (one["depth"].mode, one["depth"].size) == (theirs["depth"].mode, theirs["depth"].size)
        assert np.abs(np.asarray(one["depth"], int) - np.asarray(theirs["depth"], int)).max() <= 1
    assert pipeline(model=folder()).task == "depth-estimation"
    assert set(made(PICTURES[0], parameters={"timeout": 1})) == set(made(PICTURES[0]))
    with pytest.raises(ArgumentError, match="no argument 'timeouts'"):
        made(PICTURES[0], parameters={"timeouts": 1})


def test_larger_pictures() -> None:
    """The published pipeline of this task stood in earlier releases: its answer is the reconstruction in 256 levels."""
    folder = checkpoints.swin2sr()
    model = transformers.Swin2SRForImageSuperResolution.from_pretrained(folder)
    processor = transformers.Swin2SRImageProcessorPil.from_pretrained(folder)
    made = ours("image-to-image", folder)
    for answers in (made(PICTURES), made(PICTURES, batch_size=2), [made(images=each) for each in PICTURES]):
        for picture, answer in zip(PICTURES, answers, strict=True):
            with torch.no_grad():
                expected = model(**processor(picture, return_tensors="pt")).reconstruction[0].permute(1, 2, 0).clamp(0, 1)
            levels = np.round(expected.numpy() * 255).astype(int)
            assert answer.mode == "RGB"
            assert np.abs(np.asarray(answer, int) - levels).max() <= 1
    assert pipeline(model=str(folder)).task == "image-to-image"


def test_pictures_of_other_channels() -> None:
    assert as_picture(torch.tensor([[[0.0, 0.5, 2.0]]])).tobytes() == bytes([0, 128, 255])
    with pytest.raises(InputError, match="2 channels"):
        as_picture(torch.zeros(2, 3, 3))
    with pytest.raises(NumericsError, match="NaN"):
        as_picture(torch.full((3, 2, 2), float("nan")))


def test_depth_of_other_processors_and_of_nothing() -> None:
    with pytest.raises(InputError, match="ViTImageProcessor does not make depth"):
        pipeline("depth-estimation", str(checkpoints.glpn()), image_processor=ViTImageProcessor(size=32))(PICTURES[0])
    assert np.asarray(grey(torch.ones(3, 4))).tolist() == [[0] * 4] * 3
    with pytest.raises(NumericsError, match="NaN or infinite"):
        grey(torch.tensor([[0.0, float("nan")]]))


def test_a_label_that_has_no_name_is_told_by_its_number() -> None:
    detect = ours("object-detection", checkpoints.detr())
    expected, names = detect(PICTURES[0], threshold=0.0), dict(detect.model.config.id2label)
    kept, gone = min(names), max(names)
    assert any(each["label"] == names[gone] for each in expected)
    detect.model.config.id2label = {kept: "kept"}
    try:
        found = detect(PICTURES[0], threshold=0.0)
    finally:
        detect.model.config.id2label = names
    labels = {names[kept]: "kept", **{name: f"LABEL_{number}" for number, name in names.items() if number != kept}}
    assert [each["label"] for each in found] == [labels[each["label"]] for each in expected]
