"""The loop of text_classification.py written out, with Accelerate: one process, or several (accelerate launch ...).

    python examples/training/text_classification_no_trainer.py --model_name_or_path google-bert/bert-base-cased \
        --train_file train.csv --validation_file dev.csv --per_device_train_batch_size 32 --output_dir out
"""

import json
from dataclasses import dataclass
from pathlib import Path

import torch
from accelerate import Accelerator
from torch.utils.data import DataLoader

from bestiary import (
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EvalPrediction,
    HfArgumentParser,
    get_scheduler,
    set_seed,
)
from bestiary.core.argument_parser import HfArg
from bestiary.training.data_files import DataFiles
from bestiary.training.model_choice import ModelChoice
from bestiary.training.tasks.text_classification import TextClassification


@dataclass
class Loop:
    """How to train."""

    output_dir: str = HfArg(help="Folder of the model and of all_results.json")
    per_device_train_batch_size: int = HfArg(default=8, help="Rows of a batch of each process")
    per_device_eval_batch_size: int = HfArg(default=8, help="The same of an evaluation")
    learning_rate: float = HfArg(default=5e-5, help="The highest of the schedule")
    weight_decay: float = HfArg(default=0.0, help="Of all weights but biases and norms")
    num_train_epochs: int = HfArg(default=3, help="How often to go over the data")
    gradient_accumulation_steps: int = HfArg(default=1, help="Batches of an update")
    lr_scheduler_type: str = HfArg(default="linear", help="The schedule's name")
    num_warmup_steps: int = HfArg(default=0, help="Updates in which the rate rises")
    seed: int = HfArg(default=42, help="Of new weights, dropout and the order of rows")


def main(arguments: list[str] | None = None) -> dict[str, float]:
    parser = HfArgumentParser((ModelChoice, DataFiles, TextClassification, Loop), description=__doc__)
    choice, files, task, loop = parser.parse_args_into_dataclasses(arguments)
    accelerator = Accelerator(gradient_accumulation_steps=loop.gradient_accumulation_steps)
    set_seed(loop.seed)
    rows = files.rows()
    tokenizer = AutoTokenizer.from_pretrained(choice.preprocessor, **choice.source)
    known = task.config_values(rows["train"])
    model = AutoModelForSequenceClassification.from_pretrained(choice.model_name_or_path, **known, **choice.source)
    features = {part: task.features(rows[part], tokenizer, model.config) for part in ("train", "validation")}
    collate = task.collator(tokenizer)
    train = DataLoader(features["train"], loop.per_device_train_batch_size, shuffle=True, collate_fn=collate)
    held = DataLoader(features["validation"], loop.per_device_eval_batch_size, collate_fn=collate)

    decayed = [each for each in model.parameters() if each.dim() > 1]
    rest = [each for each in model.parameters() if each.dim() <= 1]
    groups = [{"params": decayed, "weight_decay": loop.weight_decay}, {"params": rest, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, lr=loop.learning_rate)
    model, optimizer, train, held = accelerator.prepare(model, optimizer, train, held)
    updates = -(-len(train) // loop.gradient_accumulation_steps) * loop.num_train_epochs
    schedule = get_scheduler(loop.lr_scheduler_type, optimizer, loop.num_warmup_steps, updates)

    measure = task.compute_metrics(
        rows["validation"], features["validation"], tokenizer, accelerator.unwrap_model(model).config
    )
    metrics: dict[str, float] = {}
    for epoch in range(loop.num_train_epochs):
        model.train()
        total = 0.0
        for batch in train:
            with accelerator.accumulate(model):
                loss = model(**batch).loss
                accelerator.backward(loss)
                if accelerator.sync_gradients:
                    accelerator.clip_grad_norm_(model.parameters(), 1.0)
                    schedule.step()
                optimizer.step()
                optimizer.zero_grad()
            total += loss.item()
        model.eval()
        found = []
        for batch in held:
            with torch.no_grad():
                logits = model(**batch).logits
            found.append(accelerator.gather_for_metrics((logits, batch["labels"])))
        logits, labels = (torch.cat(side).cpu().numpy() for side in zip(*found, strict=True))
        metrics = {"epoch": epoch + 1, "train_loss": total / len(train), **measure(EvalPrediction(logits, labels))}
        accelerator.print(metrics)

    accelerator.wait_for_everyone()
    if accelerator.is_main_process:
        accelerator.unwrap_model(model).save_pretrained(loop.output_dir)
        tokenizer.save_pretrained(loop.output_dir)
        (Path(loop.output_dir) / "all_results.json").write_text(json.dumps(metrics, indent=2))
    return metrics


if __name__ == "__main__":
    main()
