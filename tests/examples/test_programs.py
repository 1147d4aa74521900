"""Every short program of `examples/` runs on a tiny checkpoint and prints what the library's parts give."""

import io
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from kit import checkpoints
from kit.pipelines import reference
from PIL import Image

from bestiary.pipelines import pipeline

Output = Callable[..., str]
SHORT = 40  # lines, and the rest of `examples/` has tests of its own
OWN_TESTS = {"perplexity", "semantic_search", "train_embedded_model", "detect_shapes", "train_tiny_classifier"}
TESTED = {"complete", "classify_text", "classify_image", "zero_shot_image", "transcribe", "chat"}


def test_all_programs_are_short_and_tested() -> None:
    files = {path.stem: len(path.read_text().splitlines()) for path in (Path(__file__).parents[2] / "examples").glob("*.py")}
    assert set(files) == TESTED | OWN_TESTS
    assert not {name: lines for name, lines in files.items() if name in TESTED and lines > SHORT}


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    pixels = np.random.default_rng(0).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "picture.png")
    return tmp_path / "picture.png"


def test_complete(output: Output) -> None:
    folder = checkpoints.llama()
    lines = output("complete", "Hello world", "--model", folder, "--tokens", 9)
    expected = reference("text-generation", folder)("Hello world", max_new_tokens=9, do_sample=False)
    assert lines == f"{expected[0]['generated_text']}\n(ended by: length)\n"


def test_classify_text(output: Output) -> None:
    folder = checkpoints.bert("BertForSequenceClassification", labels=("bad", "good", "odd"))
    texts = ["Hello world", "Paris is the capital of France, and London of another country."]
    lines = output("classify_text", *texts, "--model", folder).splitlines()
    expected = reference("text-classification", folder)(texts)
    assert lines[-2:] == [f"{one['score']:.3f}  {one['label']}  {text}" for one, text in zip(expected, texts, strict=True)]
    assert any("model.safetensors" in line and "classifier.bias" in line for line in lines[:-2])  # the report of the load


def test_classify_image(output: Output, picture: Path) -> None:
    folder = checkpoints.vit("ViTForImageClassification")
    lines = output("classify_image", picture, picture, "--model", folder, "--top", 2)
    expected = reference("image-classification", folder)(str(picture), top_k=2)
    assert lines == "\n".join([str(picture), *(f"  {one['score']:.3f}  {one['label']}" for one in expected)] * 2) + "\n"


def test_zero_shot_image(output: Output, picture: Path) -> None:
    folder = checkpoints.clip()
    lines = output("zero_shot_image", picture, "London", "a fox", "--model", folder, "--template", "{} today")
    expected = reference("zero-shot-image-classification", folder)(
        str(picture), candidate_labels=["London", "a fox"], hypothesis_template="{} today"
    )
    assert lines.splitlines() == [f"{one['score']:.3f}  {one['label']}" for one in expected]


@pytest.mark.parametrize("file", [True, False])
def test_transcribe(output: Output, program: Callable[[str], ModuleType], tmp_path: Path, file: bool) -> None:
    import soundfile

    folder = checkpoints.whisper()
    tone = program("transcribe").tone()
    assert tone["array"].shape == (32_000,)
    soundfile.write(tmp_path / "tone.wav", tone["array"], 16_000, subtype="FLOAT")
    expected = pipeline("automatic-speech-recognition", folder)(tone, return_timestamps=True, language="fr")["chunks"]
    given = [tmp_path / "tone.wav"] if file else []
    lines = output("transcribe", *given, "--model", folder, "--language", "fr")
    assert expected
    assert lines == "".join("{:7.2f} - {:7.2f} {}\n".format(*one["timestamp"], one["text"]) for one in expected)


def test_chat(output: Output, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = checkpoints.llama()
    monkeypatch.setattr("sys.stdin", io.StringIO("Hello world\nand now?\n"))
    torch.manual_seed(0)  # a checkpoint that does not say how to choose is sampled
    lines = output("chat", "--model", folder, "--tokens", 5)
    torch.manual_seed(0)
    talk = pipeline("text-generation", folder)
    messages: list[dict[str, str]] = []
    expected = ""
    for text in ("Hello world", "and now?"):
        messages = talk([*messages, {"role": "user", "content": text}], max_new_tokens=5)[0]["generated_text"]
        expected += messages[-1]["content"] + "\n"
    assert lines == expected
