"""Data sets of the package `datasets`, and plain rows, through the trainer: the same training."""

import pytest
import torch
from datasets import Dataset, DatasetDict, IterableDataset, load_dataset
from kit import checkpoints

import bestiary
from bestiary import BertConfig, BertForSequenceClassification, DataCollatorWithPadding, Trainer, TrainingArguments
from bestiary.core.errors import InputError

TEXTS = ["My name is Sarah.", "Hello world", "The quick brown fox", "I live in London.", "a b c d", "London"] * 2
LABELS = [0, 1, 0, 1, 1, 0] * 2


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    checkpoints.wordpiece().save_pretrained(folder)
    return bestiary.AutoTokenizer.from_pretrained(folder)


def train(tokenizer, data, folder, collator=None, **values):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    config = BertConfig(vocab_size=len(tokenizer), hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0, **sizes)
    model = BertForSequenceClassification(config)
    fixed = {"use_cpu": True, "disable_tqdm": True, "save_strategy": "no", "report_to": [], "logging_steps": 1, "max_steps": 4}
    args = TrainingArguments(
        str(folder), train_sampling_strategy="sequential", per_device_train_batch_size=3, **{**fixed, **values}
    )
    trainer = Trainer(model, args, collator or DataCollatorWithPadding(tokenizer), data)
    trainer.train()
    return [each["loss"] for each in trainer.state.log_history if "loss" in each]


def encoded(tokenizer):
    return [{**tokenizer(text), "label": label} for text, label in zip(TEXTS, LABELS, strict=True)]


def raw():
    return Dataset.from_dict({"text": TEXTS, "label": LABELS})


def by_map(tokenizer):
    return raw().map(lambda batch: tokenizer(batch["text"], truncation=True), batched=True)


def by_transform(tokenizer):
    data = raw()
    data.set_transform(lambda batch: {**tokenizer(batch["text"]), "label": batch["label"]})
    return data


def from_files(tokenizer, folder):
    path = folder / "rows.jsonl"
    raw().to_json(path)
    stream = load_dataset("json", data_files=str(path), split="train", streaming=True, cache_dir=str(folder / "cache"))
    return stream.map(lambda batch: tokenizer(batch["text"]), batched=True)


def generated(tokenizer):
    return IterableDataset.from_generator(encoded, gen_kwargs={"tokenizer": tokenizer})


WAYS = {
    "with texts left in": lambda tokenizer, folder: by_map(tokenizer),
    "columns taken out": lambda tokenizer, folder: by_map(tokenizer).remove_columns(["text"]).rename_column("label", "labels"),
    "as torch tensors": lambda tokenizer, folder: by_map(tokenizer).with_format("torch"),
    "some columns as torch tensors": lambda tokenizer, folder: by_map(tokenizer).with_format(
        "torch", columns=["input_ids", "attention_mask", "label"]
    ),
    "as NumPy arrays": lambda tokenizer, folder: by_map(tokenizer).with_format("numpy"),
    "a part of a dictionary": lambda tokenizer, folder: DatasetDict({"train": by_map(tokenizer)})["train"],
    "rows chosen": lambda tokenizer, folder: by_map(tokenizer).select(range(12)),
    "made when they are taken": lambda tokenizer, folder: by_transform(tokenizer),
    "streamed": lambda tokenizer, folder: by_map(tokenizer).to_iterable_dataset(),
    "streamed from files": from_files,
    "generated": lambda tokenizer, folder: generated(tokenizer),
    "a tuple": lambda tokenizer, folder: tuple(encoded(tokenizer)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_training_is_the_same(tokenizer, way, tmp_path):
    expected = train(tokenizer, encoded(tokenizer), tmp_path / "a")
    assert len(expected) == 4
    found = train(tokenizer, WAYS[way](tokenizer, tmp_path), tmp_path / "b")
    assert found == pytest.approx(expected, abs=1e-6)


def test_padded_rows_need_no_collator(tokenizer, tmp_path):
    """`padding="max_length"` in `map`, then torch tensors: rows of one length, which the default collator stacks."""
    data = raw().map(lambda batch: tokenizer(batch["text"], padding="max_length", truncation=True), batched=True)
    assert {len(row) for row in data["input_ids"]} == {tokenizer.model_max_length}
    data.set_format("torch")
    expected = train(tokenizer, encoded(tokenizer), tmp_path / "a")
    found = train(tokenizer, data, tmp_path / "b", bestiary.default_data_collator)
    assert found == pytest.approx(expected, abs=1e-5)


def test_a_collator_of_ones_own_sees_all_columns(tokenizer, tmp_path):
    seen = []

    def collate(rows):
        seen.append(set(rows[0]))
        batch = {**tokenizer([row["text"] for row in rows], padding=True, return_tensors="pt")}
        return {**batch, "labels": torch.tensor([row["label"] for row in rows])}

    found = train(tokenizer, raw(), tmp_path / "a", collate)
    assert seen[0] == {"text", "label"}
    assert found == pytest.approx(train(tokenizer, encoded(tokenizer), tmp_path / "b"), abs=1e-6)


def test_data_without_a_column_that_the_model_takes_is_named(tokenizer, tmp_path):
    with pytest.raises(InputError, match=r"rows have the columns text, none of which the model takes"):
        train(tokenizer, raw().remove_columns(["label"]), tmp_path)


def test_evaluations_of_a_dictionary_are_named(tokenizer, tmp_path):
    parts = DatasetDict({"first": by_map(tokenizer).select(range(6)), "second": by_map(tokenizer).select(range(6, 9))})
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    model = BertForSequenceClassification(BertConfig(vocab_size=len(tokenizer), num_labels=2, **sizes))
    args = TrainingArguments(str(tmp_path), use_cpu=True, disable_tqdm=True, report_to=[])
    metrics = Trainer(model, args, DataCollatorWithPadding(tokenizer), eval_dataset=parts).evaluate()
    assert {"eval_first_loss", "eval_second_loss"} <= metrics.keys()


def test_blocks_of_a_mapped_data_set(tokenizer, tmp_path):
    from functools import partial

    data = raw().map(
        lambda batch: {"input_ids": tokenizer(batch["text"])["input_ids"]}, batched=True, remove_columns=["text", "label"]
    )
    total = sum(len(row) for row in data["input_ids"])
    blocks = data.map(partial(bestiary.group_texts, block_size=8), batched=True, batch_size=None)
    assert {len(row) for row in blocks["input_ids"]} == {8}
    assert len(blocks) == total // 8
    packed = bestiary.pack_dataset(data, 16)
    assert isinstance(packed, Dataset)
    assert sum(len(row) for row in packed["input_ids"]) == total
    assert sum(map(sum, packed["seq_lengths"])) == total
