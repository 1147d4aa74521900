"""Fine-tune a model to label the words of texts: names, parts of speech.

    python examples/training/token_classification.py --model_name_or_path google-bert/bert-base-cased --train_file train.jsonl \
        --validation_file dev.jsonl --do_train --do_eval --output_dir out

How rows become what the model takes, and what predictions are worth, is in `bestiary.training.tasks.token_classification`.
"""

from bestiary import AutoModelForTokenClassification, AutoTokenizer, HfArgumentParser, TrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.token_classification import TokenClassification


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, TokenClassification, TrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    labels = task.config_values(rows.get("train"))
    model = AutoModelForTokenClassification.from_pretrained(choice.model_name_or_path, **labels, **choice.weights)
    return run_task(task, model, tokenizer, args, rows)


if __name__ == "__main__":
    main()
