"""Fine-tune a model to write summaries, measured by ROUGE.

    python examples/training/summarization.py --model_name_or_path google-t5/t5-small --source_prefix "summarize: " \
        --train_file train.jsonl --validation_file dev.jsonl --predict_with_generate --do_train --do_eval --output_dir out

How rows become what the model takes, and what predictions are worth, is in `bestiary.training.tasks.summarization`.
"""

from bestiary import AutoModelForSeq2SeqLM, AutoTokenizer, HfArgumentParser, Seq2SeqTrainingArguments, set_seed
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run_task
from bestiary.training.tasks.summarization import Summarization


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, Summarization, Seq2SeqTrainingArguments), description=__doc__)
    choice, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    model = AutoModelForSeq2SeqLM.from_pretrained(choice.model_name_or_path, **choice.weights)
    return run_task(task, model, tokenizer, args, rows)


if __name__ == "__main__":
    main()
