"""Train a language model: fine-tune one, or make one from nothing, with a tokenizer trained on the same texts.

    python examples/training/causal_language_model.py --model_name_or_path openai-community/gpt2 --train_file texts.txt \
        --block_size 512 --do_train --do_eval --output_dir out
    python examples/training/causal_language_model.py --model_name_or_path openai-community/gpt2 --train_file texts.txt \
        --from_scratch --vocab_size 8000 --config_overrides n_layer=4,n_embd=256,n_head=4 --do_train --output_dir out

Texts are put one after the other and cut into rows of one length, so that nothing is filled up.
"""

import math
from dataclasses import dataclass
from typing import Any

from bestiary import AutoConfig, AutoModelForCausalLM, AutoTokenizer, HfArgumentParser, Trainer, TrainingArguments, set_seed
from bestiary.core.argument_parser import HfArg
from bestiary.training.data_files import DataFiles
from bestiary.training.language_task import texts_of
from bestiary.training.model_choice import ModelChoice
from bestiary.training.running import run
from bestiary.training.tasks.causal_language_modeling import CausalLanguageModeling


@dataclass
class Scratch:
    """What to make anew."""

    from_scratch: bool = HfArg(default=False, help="New weights, of the checkpoint's kind")
    vocab_size: int | None = HfArg(default=None, help="Train a tokenizer of the same kind with so many tokens")
    config_overrides: str | None = HfArg(default=None, help="Fields of the config, as in n_layer=4,n_embd=256")


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, Scratch, DataFiles, CausalLanguageModeling, TrainingArguments), description=__doc__)
    choice, scratch, files, task, args = parser.parse_args_into_dataclasses(arguments)
    set_seed(args.seed)
    rows = files.rows(validate=args.do_eval)

    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    if scratch.vocab_size is not None:
        tokenizer = tokenizer.train_new_from_iterator(texts_of(rows["train"], task.text_column_name), scratch.vocab_size)
    if scratch.from_scratch:
        config = AutoConfig.from_pretrained(choice.model_name_or_path, **choice.source)
        config.update({"vocab_size": len(tokenizer)})
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(config, name, getattr(tokenizer, name))
        if scratch.config_overrides:
            config.update_from_string(scratch.config_overrides)
        model = AutoModelForCausalLM.from_config(config)
    else:
        model = AutoModelForCausalLM.from_pretrained(choice.model_name_or_path, **choice.weights)
    features: dict[str, Any] = {part: task.features(rows[part], tokenizer, model.config) for part in rows}

    trainer = Trainer(
        model=model,
        args=args,
        train_dataset=features.get("train"),
        eval_dataset=features.get("validation"),
        processing_class=tokenizer,
        data_collator=task.collator(tokenizer, model),
        compute_metrics=task.compute_metrics((), (), tokenizer, model.config),
        preprocess_logits_for_metrics=task.preprocess_logits(),
    )
    metrics = run(trainer, features.get("test"))
    if "eval_loss" in metrics:
        metrics["perplexity"] = math.exp(metrics["eval_loss"])
        trainer.save_metrics("eval", {"perplexity": metrics["perplexity"]})
    return metrics


if __name__ == "__main__":
    main()
