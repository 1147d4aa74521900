"""A script for question answering after the pattern of the published one: windows by map, a Trainer that makes texts."""

import time
from pathlib import Path
from typing import Any

import datasets
import numpy as np
from transformers import (
    AutoModelForQuestionAnswering,
    AutoTokenizer,
    DataCollatorWithPadding,
    EvalPrediction,
    HfArgumentParser,
    PreTrainedTokenizerFast,
    Trainer,
    TrainingArguments,
    default_data_collator,
    set_seed,
)
from transformers.trainer_utils import PredictionOutput, speed_metrics

CITIES = {"Paris": "France", "London": "England", "Berlin": "Germany"}
FILLERS = ["the", "quick", "brown", "fox", "jumps", "over", "lazy", "dog", "and", "a", "good", "film", "of", "people"]


class QuestionAnsweringTrainer(Trainer):
    def __init__(self, *args: Any, eval_examples: Any = None, post_process_function: Any = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.eval_examples, self.post_process_function = eval_examples, post_process_function

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> dict[str, Any]:
        eval_dataset = self.eval_dataset if eval_dataset is None else eval_dataset
        loader = self.get_eval_dataloader(eval_dataset)
        compute_metrics, self.compute_metrics = self.compute_metrics, None
        start = time.time()
        try:
            output = self.evaluation_loop(
                loader,
                description="Evaluation",
                prediction_loss_only=True if compute_metrics is None else None,
                ignore_keys=ignore_keys,
                metric_key_prefix=metric_key_prefix,
            )
        finally:
            self.compute_metrics = compute_metrics
        output.metrics.update(speed_metrics(metric_key_prefix, start, num_samples=output.num_samples))
        metrics = {}
        if self.post_process_function is not None and self.args.should_save:
            metrics = self.compute_metrics(self.post_process_function(self.eval_examples, eval_dataset, output.predictions))
            metrics = {f"{metric_key_prefix}_{name}": value for name, value in metrics.items()}
            metrics.update(output.metrics)
            self.log(metrics)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, metrics)
        return metrics

    def predict(self, predict_dataset: Any, predict_examples: Any, ignore_keys: Any = None) -> Any:
        loader = self.get_test_dataloader(predict_dataset)
        compute_metrics, self.compute_metrics = self.compute_metrics, None
        try:
            output = self.evaluation_loop(loader, description="Prediction", ignore_keys=ignore_keys)
        finally:
            self.compute_metrics = compute_metrics
        found = self.post_process_function(predict_examples, predict_dataset, output.predictions)
        return PredictionOutput(found.predictions, found.label_ids, self.compute_metrics(found))


def rows(seed: int, count: int) -> dict[str, list[Any]]:
    draw = np.random.default_rng(seed)
    made: dict[str, list[Any]] = {name: [] for name in ("id", "question", "context", "answers")}
    for number in range(count):
        city = str(draw.choice(list(CITIES)))
        words = [*draw.choice(FILLERS, 18).tolist(), city]
        draw.shuffle(words)
        context = " ".join(words)
        made["id"].append(str(number))
        made["question"].append(f"what is the capital of {CITIES[city]}?")
        made["context"].append(context)
        made["answers"].append({"text": [city], "answer_start": [context.index(city)]})
    return made


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    line = (
        f"--output_dir {scratch / 'out'} --do_train --do_eval --per_device_train_batch_size 6 --learning_rate 3e-3 --seed 5"
        " --num_train_epochs 2 --save_strategy no --logging_steps 1 --use_cpu --report_to none --disable_tqdm True"
    )
    (training_args,) = HfArgumentParser(TrainingArguments).parse_args_into_dataclasses(line.split())
    set_seed(training_args.seed)
    tokenizer = AutoTokenizer.from_pretrained(folders["answers"], use_fast=True)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    model = AutoModelForQuestionAnswering.from_pretrained(folders["answers"])
    pad_on_right = tokenizer.padding_side == "right"
    names = ("question", "context") if pad_on_right else ("context", "question")

    def tokenized(examples: Any) -> Any:
        return tokenizer(
            examples[names[0]],
            examples[names[1]],
            truncation="only_second" if pad_on_right else "only_first",
            max_length=36,
            stride=8,
            return_overflowing_tokens=True,
            return_offsets_mapping=True,
            padding="max_length",
        )

    def for_training(examples: Any) -> Any:
        found = tokenized(examples)
        owners, offset_mapping = found.pop("overflow_to_sample_mapping"), found.pop("offset_mapping")
        found["start_positions"], found["end_positions"] = [], []
        for i, offsets in enumerate(offset_mapping):
            cls_index = found["input_ids"][i].index(tokenizer.cls_token_id)
            answers = examples["answers"][owners[i]]
            inside = [k for k, part in enumerate(found.sequence_ids(i)) if part == int(pad_on_right)]
            start = answers["answer_start"][0]
            end = start + len(answers["text"][0])
            if offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end:
                found["start_positions"].append(cls_index)
                found["end_positions"].append(cls_index)
            else:
                found["start_positions"].append(max(k for k in inside if offsets[k][0] <= start))
                found["end_positions"].append(min(k for k in inside if offsets[k][1] >= end))
        return found

    def for_evaluation(examples: Any) -> Any:
        found = tokenized(examples)
        owners = found.pop("overflow_to_sample_mapping")
        found["example_id"] = [examples["id"][owner] for owner in owners]
        for i in range(len(owners)):
            parts = found.sequence_ids(i)
            found["offset_mapping"][i] = [o if parts[k] == 1 else None for k, o in enumerate(found["offset_mapping"][i])]
        return found

    train, held = datasets.Dataset.from_dict(rows(0, 24)), datasets.Dataset.from_dict(rows(1, 10))
    features = train.map(for_training, batched=True, remove_columns=train.column_names)
    eval_features = held.map(for_evaluation, batched=True, remove_columns=held.column_names)

    def post_process(examples: Any, features: Any, predictions: Any, stage: str = "eval") -> EvalPrediction:
        texts = {}
        for example in examples:
            best = (-1e9, "")
            for i, feature in enumerate(features):
                if feature["example_id"] != example["id"]:
                    continue
                starts, ends = predictions[0][i], predictions[1][i]
                for a in np.argsort(starts)[-1:-6:-1].tolist():
                    for b in np.argsort(ends)[-1:-6:-1].tolist():
                        spans = feature["offset_mapping"]
                        if spans[a] and spans[b] and a <= b < a + 6:
                            best = max(best, (float(starts[a] + ends[b]), example["context"][spans[a][0] : spans[b][1]]))
            texts[example["id"]] = best[1]
        formatted = [{"id": name, "prediction_text": text} for name, text in texts.items()]
        return EvalPrediction(predictions=formatted, label_ids=[example["answers"]["text"] for example in examples])

    def exact(p: EvalPrediction) -> dict[str, float]:
        right = [each["prediction_text"] in texts for each, texts in zip(p.predictions, p.label_ids, strict=True)]
        return {"exact_match": 100.0 * sum(right) / len(right)}

    trainer = QuestionAnsweringTrainer(
        model=model,
        args=training_args,
        train_dataset=features,
        eval_dataset=eval_features,
        eval_examples=held,
        processing_class=tokenizer,
        data_collator=default_data_collator,
        post_process_function=post_process,
        compute_metrics=exact,
    )
    trained = trainer.train()
    metrics = trainer.evaluate()
    predicted = trainer.predict(eval_features, held)
    log = trainer.state.log_history
    batch = DataCollatorWithPadding(tokenizer)([{"input_ids": features[0]["input_ids"]}])
    return {
        "train_loss": trained.metrics["train_loss"],
        "windows": len(features),
        **{name: metrics[name] for name in ("eval_exact_match", "eval_loss") if name in metrics},
        "names": sorted(name for name in metrics if "preparation" not in name),
        "losses": [entry["loss"] for entry in log if "loss" in entry],
        "texts": [each["prediction_text"] for each in predicted.predictions],
        "test": predicted.metrics,
        "batch": sorted(batch),
    }
