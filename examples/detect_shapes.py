"""Train a tiny Deformable DETR, from nothing, to find discs, squares and triangles in drawn pictures of 64 x 64 pixels.

    python examples/detect_shapes.py
    python examples/detect_shapes.py --out shapes-detr --picture shapes.png

The pictures are drawn with a seed, one to three shapes in each; those it is judged by are others. `--out` keeps model and image
processor as a checkpoint that `pipeline("object-detection", FOLDER)` opens; `--picture` draws what it finds in eight pictures.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from bestiary import (
    DeformableDetrConfig,
    DeformableDetrForObjectDetection,
    DeformableDetrImageProcessor,
    Trainer,
    TrainingArguments,
    pipeline,
    set_seed,
)
from bestiary.draw import draw_boxes
from bestiary.training.metrics.average_precision import average_precision

SHAPES = {0: "disc", 1: "square", 2: "triangle"}
SIDE = 64
HELD_OUT = 200


def drawn(seed: int, count: int) -> tuple[list[Image.Image], list[dict[str, Any]]]:
    """Pictures and, in the form of COCO, what they show."""
    random = np.random.default_rng(seed)
    pictures, annotations = [], []
    for number in range(count):
        picture = Image.new("RGB", (SIDE, SIDE), tuple(random.integers(0, 60, 3).tolist()))
        pen, objects = ImageDraw.Draw(picture), []
        for _ in range(random.integers(1, 4)):
            side = int(random.integers(14, 28))
            left, top = random.integers(0, SIDE - side, 2).tolist()
            shape, colour = int(random.integers(3)), tuple(random.integers(120, 256, 3).tolist())
            if any(abs(left - x) < 28 and abs(top - y) < 28 for x, y, *_ in (each["bbox"] for each in objects)):
                continue
            corners = (left, top, left + side, top + side)
            if shape == 0:
                pen.ellipse(corners, fill=colour)
            elif shape == 1:
                pen.rectangle(corners, fill=colour)
            else:
                pen.polygon(((left + side / 2, top), (left, top + side), (left + side, top + side)), fill=colour)
            objects.append({"bbox": [left, top, side, side], "category_id": shape, "area": side**2, "iscrowd": 0})
        pictures.append(picture)
        annotations.append({"image_id": number, "annotations": objects})
    return pictures, annotations


def tiny_model() -> DeformableDetrForObjectDetection:
    """Maps of 8 x 8 and 4 x 4, one layer of the encoder, two of the decoder, each of which moves the boxes."""
    backbone = {
        "model_type": "resnet",
        "layer_type": "basic",
        "embedding_size": 16,
        "hidden_sizes": [16, 32, 48],
        "depths": [1, 1, 1],
        "out_features": ["stage2", "stage3"],
    }
    config = DeformableDetrConfig(
        backbone_config=backbone,
        d_model=64,
        num_queries=12,
        encoder_layers=1,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=128,
        decoder_ffn_dim=128,
        num_feature_levels=2,
        dropout=0.0,
        with_box_refine=True,
        auxiliary_loss=True,
        id2label=SHAPES,
    )
    model = DeformableDetrForObjectDetection(config)
    model.requires_grad_(True)  # the first stage of the backbone too, which has not learned anything before
    return model


def collated(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """A batch: pictures are stacked, labels are a list."""
    import torch

    return {"pixel_values": torch.stack([row["pixel_values"] for row in rows]), "labels": [row["labels"] for row in rows]}


def train(out: Path, steps: int, learning_rate: float, pictures: int) -> float:
    """Train the model and keep it in `out`. Returns the mean average precision on held-out pictures."""
    set_seed(0)
    processor = DeformableDetrImageProcessor(size={"height": SIDE, "width": SIDE}, do_pad=False)
    images, annotations = drawn(0, pictures)
    batch = processor(images, annotations=annotations, return_tensors="pt")
    rows = [{"pixel_values": x, "labels": y} for x, y in zip(batch["pixel_values"], batch["labels"], strict=True)]
    args = TrainingArguments(
        output_dir=str(out),
        max_steps=steps,
        per_device_train_batch_size=16,
        learning_rate=learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=0.1,
        max_grad_norm=1.0,
        remove_unused_columns=False,
        logging_steps=max(1, steps // 10),
        save_strategy="no",
        report_to="none",
    )
    trainer = Trainer(tiny_model(), args, train_dataset=rows, data_collator=collated, processing_class=processor)
    trainer.train()
    trainer.save_model()
    return judged(out)


def judged(folder: Path) -> float:
    """The mean average precision of the detector in `folder`, over thresholds of overlap from 0.5 to 0.95."""
    images, annotations = drawn(1, HELD_OUT)
    numbers = {name: number for number, name in SHAPES.items()}
    found = [
        {
            "scores": [each["score"] for each in objects],
            "labels": [numbers[each["label"]] for each in objects],
            "boxes": [list(each["box"].values()) for each in objects],
        }
        for objects in pipeline("object-detection", folder)(images, threshold=0.0, batch_size=32)
    ]
    real = [
        {
            "labels": [each["category_id"] for each in annotation["annotations"]],
            "boxes": [[x, y, x + w, y + h] for x, y, w, h in (each["bbox"] for each in annotation["annotations"])],
        }
        for annotation in annotations
    ]
    return average_precision(found, real)["map"]


def main(arguments: list[str] | None = None) -> float:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--pictures", type=int, default=2000, help="how many to learn from")
    parser.add_argument("--learning_rate", type=float, default=1.5e-3)
    parser.add_argument("--out", type=Path, default=Path("tiny-detector"), help="the folder of the model")
    parser.add_argument("--picture", help="a PNG of held-out pictures with what was found")
    chosen = parser.parse_args(arguments)
    start = time.perf_counter()
    precision = train(chosen.out, chosen.steps, chosen.learning_rate, chosen.pictures)
    seconds = time.perf_counter() - start
    print(f"mean average precision {precision:.3f} on {HELD_OUT} held-out pictures in {seconds:.0f} s, kept in {chosen.out}")
    if chosen.picture:
        images, _ = drawn(1, 8)
        sheet = Image.new("RGB", (4 * 4 * SIDE, 2 * 4 * SIDE))
        for number, (image, objects) in enumerate(
            zip(images, pipeline("object-detection", chosen.out)(images, threshold=0.3), strict=True)
        ):
            large = [{**each, "box": {side: 4 * value for side, value in each["box"].items()}} for each in objects]
            shown = draw_boxes(image.resize((4 * SIDE, 4 * SIDE)), large)
            sheet.paste(shown, (number % 4 * 4 * SIDE, number // 4 * 4 * SIDE))
        sheet.save(chosen.picture)
    return precision


if __name__ == "__main__":
    main()
