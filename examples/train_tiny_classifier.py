"""Train a tiny ViT and a tiny ConvNeXt, from nothing, to read handwritten digits of 8 x 8 pixels.

    python examples/train_tiny_classifier.py
    python examples/train_tiny_classifier.py --family convnext --out digits-convnext --picture digits.png

The digits come with scikit-learn (Alpaydin and Kaynak 1998): 1,437 to learn from and 360 that are held out, drawn with a seed.
`--out` keeps each model and its image processor as a checkpoint that `pipeline("image-classification", FOLDER)` opens;
`--picture` draws held-out digits with what the last model read.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from PIL import Image

from bestiary import (
    ConvNextConfig,
    ConvNextForImageClassification,
    Trainer,
    TrainingArguments,
    ViTConfig,
    ViTForImageClassification,
    ViTImageProcessor,
    pipeline,
    set_seed,
)

LABELS = dict(enumerate("0123456789"))
HELD_OUT = 360


def vit() -> ViTForImageClassification:
    """Sixteen patches of 2 x 2 pixels, four layers."""
    return ViTForImageClassification(
        ViTConfig(
            image_size=8,
            patch_size=2,
            hidden_size=64,
            num_hidden_layers=4,
            num_attention_heads=4,
            intermediate_size=128,
            initializer_range=0.1,  # wider than published: so few steps hardly move small weights
            id2label=LABELS,
        )
    )


def convnext() -> ConvNextForImageClassification:
    """Pixels are the patches of the first stage; the second has squares of 2 x 2."""
    return ConvNextForImageClassification(
        ConvNextConfig(
            image_size=8,
            patch_size=1,
            num_stages=2,
            depths=[2, 2],
            hidden_sizes=[32, 64],
            layer_scale_init_value=1.0,
            id2label=LABELS,
        )
    )


FAMILIES = {"vit": vit, "convnext": convnext}


def read_digits() -> tuple[list[Image.Image], list[int]]:
    """All digits in an order drawn with a seed: grey pictures, and what they show."""
    try:
        from sklearn.datasets import load_digits
    except ModuleNotFoundError as error:
        raise SystemExit("the digits come with scikit-learn: pip install scikit-learn") from error
    digits = load_digits()
    order = np.random.default_rng(0).permutation(len(digits.images))
    pixels = (digits.images[order] * (255 / 16)).astype(np.uint8)  # 0 to 16 as published
    return [Image.fromarray(each) for each in pixels], digits.target[order].tolist()


def draw(images: list[Image.Image], read: list[str], labels: list[int], path: str) -> None:
    """Digits side by side with what was read; what was read wrongly comes first, in red."""
    from matplotlib.figure import Figure

    order = sorted(range(len(images)), key=lambda index: read[index] == LABELS[labels[index]])
    axes = Figure(figsize=(8, 4)).subplots(4, 8)
    for index, axis in zip(order, axes.flat, strict=False):
        right = read[index] == LABELS[labels[index]]
        axis.imshow(images[index], cmap="gray")
        axis.set_title(read[index] if right else f"{read[index]} ({LABELS[labels[index]]})", color="black" if right else "red")
        axis.axis("off")
    axes.flat[0].figure.tight_layout()
    axes.flat[0].figure.savefig(path)


def train(family: str, epochs: float, learning_rate: float, out: Path, steps: int) -> float:
    """Train one family and keep it in `out`. Returns which share of the held-out digits it reads."""
    set_seed(0)
    images, labels = read_digits()
    processor = ViTImageProcessor(size={"height": 8, "width": 8}, do_convert_rgb=True)
    pixels = processor(images, return_tensors="pt")["pixel_values"]
    rows = [{"pixel_values": each, "labels": label} for each, label in zip(pixels, labels, strict=True)]
    args = TrainingArguments(
        output_dir=str(out),
        num_train_epochs=epochs,
        max_steps=steps,
        per_device_train_batch_size=64,
        per_device_eval_batch_size=HELD_OUT,
        learning_rate=learning_rate,
        weight_decay=0.05,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        logging_strategy="epoch",
        save_strategy="no",
        report_to="none",
    )
    trainer = Trainer(
        FAMILIES[family](),
        args,
        train_dataset=rows[HELD_OUT:],
        eval_dataset=rows[:HELD_OUT],
        processing_class=processor,
        compute_metrics=lambda read: {"accuracy": float((read.predictions.argmax(-1) == read.label_ids).mean())},
    )
    trainer.train()
    trainer.save_model()
    return float(trainer.evaluate()["eval_accuracy"])


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--family", choices=FAMILIES, help="by default both, one after the other")
    parser.add_argument("--epochs", type=float, default=20)
    parser.add_argument("--max_steps", type=int, default=-1, help="end before the epochs do")
    parser.add_argument("--learning_rate", type=float, default=2e-3)
    parser.add_argument("--out", type=Path, default=Path("tiny-classifiers"), help="the folder of the models")
    parser.add_argument("--picture", help="a PNG of held-out digits with what was read")
    chosen = parser.parse_args(arguments)
    accuracies = {}
    for family in [chosen.family] if chosen.family else FAMILIES:
        start = time.perf_counter()
        folder = chosen.out / family
        accuracies[family] = train(family, chosen.epochs, chosen.learning_rate, folder, chosen.max_steps)
        seconds = time.perf_counter() - start
        print(f"{family}: {accuracies[family]:.1%} of {HELD_OUT} held-out digits in {seconds:.0f} s, kept in {folder}")
    if chosen.picture:
        images, labels = (each[:HELD_OUT] for each in read_digits())
        read = [best[0]["label"] for best in pipeline("image-classification", folder)(images, top_k=1)]
        draw(images, read, labels, chosen.picture)
    return accuracies


if __name__ == "__main__":
    main()
