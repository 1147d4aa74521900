"""Train a model of images and texts (CLIP) on captions of your own images.

    python examples/training/image_text_contrastive.py --model_name_or_path openai/clip-vit-base-patch32 \
        --train_file images/ --validation_file dev/ --remove_unused_columns False --do_train --do_eval --output_dir out

A folder holds images and `metadata.csv` or `.jsonl`, whose rows have `file_name` and the caption. Images are read when their
batch is made, so the collator needs all columns.
"""

from dataclasses import dataclass
from typing import Any

from bestiary import AutoModel, AutoProcessor, HfArgumentParser, Trainer, TrainingArguments, set_seed
from bestiary.core.argument_parser import HfArg
from bestiary.preprocess.image.reading import load_image
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run


@dataclass
class Captions:
    """Which columns hold what."""

    image_column: str = HfArg(default="image", help="The column of paths, or of images")
    caption_column: str = HfArg(default="caption", help="That of texts")
    max_seq_length: int | None = HfArg(default=None, help="Tokens of a caption; more are cut")


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, Captions, TrainingArguments), description=__doc__)
    choice, files, captions, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    processor = AutoProcessor.from_pretrained(choice.preprocessor, **choice.source)
    model = AutoModel.from_pretrained(choice.model_name_or_path, **choice.source)

    def collate(batch: list[dict[str, Any]]) -> dict[str, Any]:
        images = [load_image(row[captions.image_column]).convert("RGB") for row in batch]
        texts = [row[captions.caption_column] for row in batch]
        cut = {"truncation": True, "max_length": captions.max_seq_length}
        inputs = processor(text=texts, images=images, padding=True, return_tensors="pt", **cut)
        return {**inputs, "return_loss": True}

    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=rows.get("train"),
        eval_dataset=rows.get("validation"),
        processing_class=processor,
        data_collator=collate,
    )
    return run(trainer)


if __name__ == "__main__":
    main()
