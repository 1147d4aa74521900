"""A script for causal language models written the way of the published one: grouping by map, perplexity, kept tokens."""

import math
from itertools import chain
from pathlib import Path
from typing import Any

import datasets
import torch
from transformers import (
    CONFIG_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING,
    AutoConfig,
    AutoModelForCausalLM,
    AutoTokenizer,
    HfArgumentParser,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.testing_utils import CaptureLogger

TEXTS = ["the quick brown fox jumps over the lazy dog", "Paris is the capital of France", "a good film of the world"] * 9
MODEL_TYPES = tuple(conf.model_type for conf in MODEL_FOR_CAUSAL_LM_MAPPING)


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    assert "gpt2" in MODEL_TYPES
    line = (
        f"--output_dir {scratch / 'out'} --do_train --do_eval --per_device_train_batch_size 3 --gradient_accumulation_steps 2"
        " --learning_rate 4e-3 --max_steps 7 --lr_scheduler_type cosine --seed 1 --logging_steps 2 --save_steps 5 --use_cpu"
        " --report_to none --disable_tqdm True"
    )
    (training_args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(line.split())
    set_seed(training_args.seed)
    config = AutoConfig.from_pretrained(folders["llama"])
    tokenizer = AutoTokenizer.from_pretrained(folders["llama"])
    model = AutoModelForCausalLM.from_pretrained(folders["llama"], config=config)
    if len(tokenizer) > model.get_input_embeddings().weight.shape[0]:
        model.resize_token_embeddings(len(tokenizer))
    fresh = CONFIG_MAPPING["gpt2"]()
    fresh.update_from_string("n_embd=10,resid_pdrop=0.2,scale_attn_weights=false")
    logger = __import__("transformers").utils.logging.get_logger("transformers.tokenization_utils_base")

    def tokenize(examples: Any) -> Any:
        with CaptureLogger(logger) as told:
            output = tokenizer(examples["text"])
        assert "Token indices" not in told.out
        return output

    block_size = 16

    def group(examples: Any) -> Any:
        joined = {name: list(chain(*examples[name])) for name in examples}
        total = len(joined[next(iter(examples))]) // block_size * block_size
        result = {name: [each[i : i + block_size] for i in range(0, total, block_size)] for name, each in joined.items()}
        result["labels"] = result["input_ids"].copy()
        return result

    raw = datasets.DatasetDict(
        {"train": datasets.Dataset.from_dict({"text": TEXTS}), "validation": datasets.Dataset.from_dict({"text": TEXTS[:9]})}
    )
    blocks = raw.map(tokenize, batched=True, remove_columns=["text"]).map(group, batched=True)

    def preprocess_logits_for_metrics(logits: Any, labels: Any) -> Any:
        return (logits[0] if isinstance(logits, tuple) else logits).argmax(dim=-1)

    def compute_metrics(given: Any) -> dict[str, float]:
        preds, labels = given
        return {"accuracy": float((preds[:, :-1].reshape(-1) == labels[:, 1:].reshape(-1)).mean())}

    trainer = Trainer(
        model=model,
        args=training_args,
        train_dataset=blocks["train"],
        eval_dataset=blocks["validation"],
        processing_class=tokenizer,
        data_collator=default_data_collator,
        compute_metrics=compute_metrics,
        preprocess_logits_for_metrics=preprocess_logits_for_metrics,
    )
    trained = trainer.train()
    metrics = trainer.evaluate()
    trainer.save_model()
    opened = AutoModelForCausalLM.from_pretrained(scratch / "out").eval()
    with torch.no_grad():
        logits = opened(torch.tensor(blocks["validation"]["input_ids"][:2])).logits
    log = trainer.state.log_history
    return {
        "overrides": [fresh.n_embd, fresh.resid_pdrop, fresh.scale_attn_weights],
        "blocks": blocks["train"]["input_ids"],
        "train_loss": trained.metrics["train_loss"],
        "steps": trained.global_step,
        "epoch": metrics["epoch"],
        "eval_loss": metrics["eval_loss"],
        "eval_accuracy": metrics["eval_accuracy"],
        "perplexity": math.exp(metrics["eval_loss"]),
        "losses": [entry["loss"] for entry in log if "loss" in entry],
        "rates": [entry["learning_rate"] for entry in log if "learning_rate" in entry],
        "logits": logits,
        "checkpoints": sorted(path.name for path in (scratch / "out").glob("checkpoint-*")),
    }
