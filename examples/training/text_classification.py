"""Fine-tune a model to label texts or pairs of texts, or to give them a number (the tasks of GLUE).

    python examples/training/text_classification.py --model_name_or_path google-bert/bert-base-cased --train_file train.csv \
        --validation_file dev.csv --max_seq_length 128 --do_train --do_eval --output_dir out

How rows become what the model takes, and what predictions are worth, is in `bestiary.training.tasks.text_classification`.
"""

from bestiary import AutoModelForSequenceClassification, AutoTokenizer, HfArgumentParser, TrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.text_classification import TextClassification


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, TextClassification, TrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    labels = task.config_values(rows.get("train"))
    model = AutoModelForSequenceClassification.from_pretrained(choice.model_name_or_path, **labels, **choice.weights)
    return run_task(task, model, tokenizer, args, rows)


if __name__ == "__main__":
    main()
