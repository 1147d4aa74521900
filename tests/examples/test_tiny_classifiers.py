"""The program that trains tiny classifiers on digits: both learn, are kept as checkpoints, and what they read is drawn."""

from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from PIL import Image

from bestiary import pipeline

CHANCE = 0.1


def test_digits_are_learned(program: Callable[[str], ModuleType], tmp_path: Path) -> None:
    training = program("train_tiny_classifier")
    picture = tmp_path / "digits.png"
    accuracies = training.main(["--out", str(tmp_path), "--max_steps", "25", "--picture", str(picture)])
    assert set(accuracies) == {"vit", "convnext"}
    assert min(accuracies.values()) > 5 * CHANCE, accuracies
    with Image.open(picture) as drawn:
        assert drawn.size == (800, 400)
    images, labels = (each[:40] for each in training.read_digits())
    for family in accuracies:
        best = pipeline("image-classification", tmp_path / family)(images, top_k=1)
        assert sum(each[0]["label"] == str(label) for each, label in zip(best, labels, strict=True)) > 4 * CHANCE * len(images)
