"""Fine-tune a model to find answers in paragraphs of any length (SQuAD 1 and 2).

    python examples/training/question_answering.py --model_name_or_path google-bert/bert-base-cased \
        --train_file train-v2.0.json --validation_file dev-v2.0.json --version_2_with_negative --doc_stride 128 \
        --do_train --do_eval --output_dir out

Answers are written to `eval_predictions.json`, the best of each question to `eval_nbest_predictions.json`, and how much
better no answer would score to `eval_null_odds.json`; those of `--test_file` begin with `predict_`. How rows become what the
model takes, and what predictions are worth, is in `bestiary.training.tasks.question_answering`.
"""

from bestiary import AutoModelForQuestionAnswering, AutoTokenizer, HfArgumentParser, TrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.question_answering import QuestionAnswering


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, QuestionAnswering, TrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    model = AutoModelForQuestionAnswering.from_pretrained(choice.model_name_or_path, **choice.weights)
    return run_task(task, model, tokenizer, args, rows)


if __name__ == "__main__":
    main()
