"""Fine-tune a model to choose the ending that goes with a text (SWAG).

    python examples/training/multiple_choice.py --model_name_or_path google-bert/bert-base-cased --train_file train.csv \
        --validation_file val.csv --do_train --do_eval --output_dir out

How rows become what the model takes, and what predictions are worth, is in `bestiary.training.tasks.multiple_choice`.
"""

from bestiary import AutoModelForMultipleChoice, AutoTokenizer, HfArgumentParser, TrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.multiple_choice import MultipleChoice


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, MultipleChoice, TrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    model = AutoModelForMultipleChoice.from_pretrained(choice.model_name_or_path, **choice.weights)
    return run_task(task, model, tokenizer, args, rows)


if __name__ == "__main__":
    main()
