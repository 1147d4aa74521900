"""Fine-tune a model to say what images show: a folder of images for each label.

    python examples/training/image_classification.py --model_name_or_path google/vit-base-patch16-224-in21k \
        --train_file train/ --validation_file dev/ --do_train --do_eval --output_dir out

How rows become what the model takes, and what predictions are worth, is in `bestiary.training.tasks.image_classification`.
"""

from bestiary import AutoImageProcessor, AutoModelForImageClassification, HfArgumentParser, TrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.image_classification import ImageClassification


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, ImageClassification, TrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    processor = AutoImageProcessor.from_pretrained(choice.preprocessor, **choice.source)
    labels = task.config_values(rows.get("train"))
    model = AutoModelForImageClassification.from_pretrained(choice.model_name_or_path, **labels, **choice.weights)
    return run_task(task, model, processor, args, rows)


if __name__ == "__main__":
    main()
