"""datasets over tokenizers and pipelines: `map` with several processes, fingerprints, formats, loaders with workers."""

import warnings
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import torch
from datasets import Dataset, DatasetDict
from datasets.fingerprint import Hasher
from torch.utils.data import DataLoader
from transformers import AutoImageProcessor, AutoTokenizer, DataCollatorForLanguageModeling, DataCollatorWithPadding, pipeline
from transformers.pipelines.pt_utils import KeyDataset, KeyPairDataset

TEXTS = ["My name is Sarah.", "Paris is a town.", "The quick brown fox jumps over the lazy dog", "Hello world"] * 3


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    datasets.disable_progress_bars()
    tokenizer = AutoTokenizer.from_pretrained(folders["classes"])
    rows = Dataset.from_dict({"text": TEXTS, "pair": TEXTS[::-1], "label": [number % 3 for number in range(len(TEXTS))]})
    computed: dict[str, Any] = {}

    def tokenize(examples: dict[str, list[Any]]) -> Any:
        return tokenizer(examples["text"], examples["pair"], truncation=True, max_length=16)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        mapped = rows.map(tokenize, batched=True, batch_size=5, num_proc=2, remove_columns=["text", "pair"])
        single = rows.map(lambda each: tokenizer(each["text"]), remove_columns=rows.column_names)
    computed["told"] = [str(each.message) for each in told if "hash" in str(each.message).lower()]
    computed["mapped"] = mapped.to_dict()
    computed["one by one"] = single.to_dict()
    computed["features"] = sorted(mapped.column_names)
    first = Hasher.hash(tokenizer)
    tokenizer("called once", padding=True, truncation=True, max_length=5)
    computed["hash is stable"] = [Hasher.hash(tokenizer) == first, Hasher.hash(tokenize) == Hasher.hash(tokenize)]
    computed["hash of another opening"] = Hasher.hash(AutoTokenizer.from_pretrained(folders["classes"])) == first
    computed["hash of another tokenizer"] = Hasher.hash(AutoTokenizer.from_pretrained(folders["llama"])) == first
    cached = rows.map(tokenize, batched=True, batch_size=5, num_proc=2, remove_columns=["text", "pair"])
    computed["same fingerprint"] = cached._fingerprint == mapped._fingerprint
    mapped.set_format("torch")
    computed["torch rows"] = mapped[:2]["input_ids"]
    loader = DataLoader(mapped, batch_size=4, num_workers=2, collate_fn=DataCollatorWithPadding(tokenizer))
    computed["batches"] = [dict(batch) for batch in loader]
    masked = DataCollatorForLanguageModeling(tokenizer, mlm_probability=0.3, seed=1)
    loader = DataLoader(mapped.remove_columns("label"), batch_size=6, num_workers=2, collate_fn=masked)
    computed["masked"] = [dict(batch) for batch in loader]
    both = DatasetDict(train=rows, test=rows.select(range(3))).map(tokenize, batched=True)
    both.save_to_disk(str(scratch / "rows"))
    computed["saved"] = {name: each["input_ids"][:] for name, each in datasets.load_from_disk(str(scratch / "rows")).items()}
    computed["lazily"] = [each["input_ids"] for each in rows.with_transform(lambda some: tokenizer(some["text"]))]
    computed["streamed"] = [each["input_ids"] for each in rows.to_iterable_dataset().map(tokenize, batched=True)]
    return {**computed, **pipelines(rows, folders), **images(folders)}


def pipelines(rows: Any, folders: dict[str, str]) -> dict[str, Any]:
    classify = pipeline("text-classification", model=folders["classes"], device="cpu")
    computed: dict[str, Any] = {"keys": list(classify(KeyDataset(rows, "text"), batch_size=5))}
    computed["pairs"] = list(classify(KeyPairDataset(rows, "text", "pair"), batch_size=3))
    computed["workers"] = list(classify(KeyDataset(rows, "text"), batch_size=2, num_workers=2))
    computed["generator"] = [each[0] for each in classify((row["text"] for row in rows), top_k=1)]
    scored = rows.map(lambda some: {"score": [each["score"] for each in classify(some["text"])]}, batched=True)
    computed["scores"] = scored["score"][:]
    write = pipeline("text-generation", model=folders["llama"], device="cpu")
    computed["written"] = list(write(KeyDataset(rows.select(range(3)), "text"), max_new_tokens=4, do_sample=False))
    return computed


def images(folders: dict[str, str]) -> dict[str, Any]:
    processor = AutoImageProcessor.from_pretrained(folders["vit"])
    pixels = np.arange(3 * 30 * 40, dtype=np.uint8).reshape(3, 30, 40)
    rows = Dataset.from_dict({"image": [pixels, 255 - pixels]}).with_format("numpy")
    mapped = rows.map(lambda some: {"pixel_values": processor(list(some["image"]))["pixel_values"]}, batched=True)
    computed = {"pixels": torch.tensor(np.array(mapped["pixel_values"][:]))}
    return {**computed, "image hash": Hasher.hash(processor) == Hasher.hash(AutoImageProcessor.from_pretrained(folders["vit"]))}
