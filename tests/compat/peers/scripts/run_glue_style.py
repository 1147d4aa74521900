"""A script for text classification written the way of the published one: parser, map, Trainer, metrics."""

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import transformers
from transformers import (
    AutoConfig,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    HfArgumentParser,
    PretrainedConfig,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint
from transformers.utils import check_min_version
from transformers.utils.versions import require_version

check_min_version("4.13.0.dev0")
require_version("datasets>=1.8.0", "To fix: pip install -r requirements.txt")


@dataclass
class ModelArguments:
    model_name_or_path: str = field(metadata={"help": "the checkpoint"})
    use_fast_tokenizer: bool = field(default=True, metadata={"help": "the fast one"})


@dataclass
class DataTrainingArguments:
    train_file: str | None = field(default=None, metadata={"help": "rows to train on"})
    validation_file: str | None = field(default=None, metadata={"help": "rows to evaluate on"})
    max_seq_length: int = field(default=128, metadata={"help": "tokens"})
    pad_to_max_length: bool = field(default=True, metadata={"help": "all of one length"})
    max_train_samples: int | None = field(default=None, metadata={"help": "for a trial"})


def rows(seed: int, count: int) -> list[dict[str, Any]]:
    draw = np.random.default_rng(seed)
    words = ["fox", "dog", "film", "Paris", "world", "learn"]
    made = [(" ".join(draw.choice(words, 5)), " ".join(draw.choice(words, 3)), int(draw.integers(3))) for _ in range(count)]
    return [{"sentence1": one, "sentence2": two, "label": label} for one, two, label in made]


def run(arguments: list[str]) -> dict[str, Any]:
    parser = HfArgumentParser((ModelArguments, DataTrainingArguments, TrainingArguments))
    model_args, data_args, training_args = parser.parse_args_into_dataclasses(arguments)
    transformers.utils.logging.set_verbosity(training_args.get_process_log_level())
    transformers.utils.logging.enable_default_handler()
    transformers.utils.logging.enable_explicit_format()
    last = get_last_checkpoint(training_args.output_dir) if os.path.isdir(training_args.output_dir) else None
    set_seed(training_args.seed)
    raw = datasets.load_dataset("json", data_files={"train": data_args.train_file, "validation": data_args.validation_file},
                                cache_dir=str(Path(training_args.output_dir).parent / "cache"))  # fmt: skip
    labels = sorted(raw["train"].unique("label"))
    config = AutoConfig.from_pretrained(model_args.model_name_or_path, num_labels=len(labels), finetuning_task="mrpc",
                                        hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)  # fmt: skip
    tokenizer = AutoTokenizer.from_pretrained(model_args.model_name_or_path, use_fast=model_args.use_fast_tokenizer)
    model = AutoModelForSequenceClassification.from_pretrained(model_args.model_name_or_path, config=config)
    assert model.config.label2id != PretrainedConfig(num_labels=2).label2id
    padding = "max_length" if data_args.pad_to_max_length else False
    length = min(data_args.max_seq_length, tokenizer.model_max_length)

    def preprocess(examples: Any) -> Any:
        result = tokenizer(examples["sentence1"], examples["sentence2"], padding=padding, max_length=length, truncation=True)
        result["label"] = [labels.index(label) for label in examples["label"]]
        return result

    with training_args.main_process_first(desc="dataset map pre-processing"):
        raw = raw.map(preprocess, batched=True, load_from_cache_file=False, desc="Running tokenizer on dataset")
    train, held = raw["train"], raw["validation"]
    if data_args.max_train_samples is not None:
        train = train.select(range(min(len(train), data_args.max_train_samples)))

    def compute_metrics(p: EvalPrediction) -> dict[str, float]:
        preds = p.predictions[0] if isinstance(p.predictions, tuple) else p.predictions
        return {"accuracy": float((np.argmax(preds, axis=1) == p.label_ids).astype(np.float32).mean())}

    collator = (
        default_data_collator if data_args.pad_to_max_length else DataCollatorWithPadding(tokenizer, pad_to_multiple_of=8)
    )
    trainer = Trainer(
        model=model,
        args=training_args,
        train_dataset=train if training_args.do_train else None,
        eval_dataset=held if training_args.do_eval else None,
        compute_metrics=compute_metrics,
        processing_class=tokenizer,
        data_collator=collator,
    )
    result = trainer.train(resume_from_checkpoint=training_args.resume_from_checkpoint or last)
    metrics = result.metrics
    metrics["train_samples"] = len(train)
    trainer.save_model()
    trainer.log_metrics("train", metrics)
    trainer.save_metrics("train", metrics)
    trainer.save_state()
    evaluated = trainer.evaluate(eval_dataset=held)
    evaluated["eval_samples"] = len(held)
    trainer.log_metrics("eval", evaluated)
    trainer.save_metrics("eval", evaluated)
    predicted = trainer.predict(held.remove_columns("label"), metric_key_prefix="predict").predictions
    return {**metrics, **evaluated, "predicted": predicted}


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    files = [str(scratch / f"{part}.json") for part in ("train", "validation")]
    for seed, (file, count) in enumerate(zip(files, (30, 14), strict=True)):
        Path(file).write_text("".join(json.dumps(row) + "\n" for row in rows(seed, count)))
    kept = ("train_loss", "epoch", "train_samples", "eval_loss", "eval_accuracy", "eval_samples", "predicted")
    found: dict[str, Any] = {}
    for padded in (True, False):
        out = scratch / f"out{padded}"
        line = (
            f"--model_name_or_path {folders['classes']} --train_file {files[0]} --validation_file {files[1]} --do_train"
            f" --do_eval --max_seq_length 16 --per_device_train_batch_size 4 --learning_rate 5e-4 --num_train_epochs 2"
            f" --output_dir {out} --pad_to_max_length {padded} --max_train_samples 26 --seed 7 --logging_steps 3"
            " --use_cpu True --eval_strategy epoch --warmup_steps 2 --weight_decay 0.01 --report_to none --disable_tqdm True"
        )
        metrics = run(line.split())
        found[str(padded)] = {name: metrics[name] for name in kept}
        state = json.loads((out / "trainer_state.json").read_text())
        for name in ("loss", "grad_norm", "learning_rate", "eval_loss", "eval_accuracy"):
            found[f"{padded} {name}"] = [entry[name] for entry in state["log_history"] if name in entry]
        written = {path.name for path in out.iterdir() if path.suffix in (".json", ".safetensors", ".md")}
        found[f"{padded} files"] = sorted(written - {"special_tokens_map.json"})
    return found
