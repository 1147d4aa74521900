"""Metrics over outputs, as the package `evaluate` computes them, and few-shot classification as `setfit` does it."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer
from sentence_transformers.models import Pooling, Transformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoTokenizer,
    EvalPrediction,
    Pipeline,
    TextClassificationPipeline,
    pipeline,
)
from transformers.pipelines import PIPELINE_REGISTRY

TEXTS = ["My name is Sarah.", "Paris is a town.", "The quick brown fox jumps over the lazy dog", "Hello world", "a good film"]
LABELS = [0, 1, 2, 1, 0]


class Shares(Pipeline):
    """The share of each class, from a custom pipeline."""

    def _sanitize_parameters(self, **kwargs: Any) -> Any:
        return {}, {}, {"digits": kwargs["digits"]} if "digits" in kwargs else {}

    def preprocess(self, inputs: str) -> Any:
        return self.tokenizer(inputs, return_tensors="pt")

    def _forward(self, model_inputs: Any) -> Any:
        return self.model(**model_inputs)

    def postprocess(self, model_outputs: Any, digits: int = 3) -> Any:
        shares = model_outputs.logits.softmax(-1)[0]
        return {self.model.config.id2label[number]: round(share.item(), digits) for number, share in enumerate(shares)}


class Verdicts(TextClassificationPipeline):
    """Answers of one word."""

    def postprocess(self, *args: Any, **kwargs: Any) -> Any:
        return super().postprocess(*args, **kwargs)["label"].upper()


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    return {
        **evaluator(folders["classes"]),
        **perplexity(folders["llama"]),
        **few_shots(folders["bert"]),
        **own(folders["classes"]),
    }


def evaluator(folder: str) -> dict[str, Any]:
    classify = pipeline("text-classification", model=folder, device="cpu")
    rows = Dataset.from_dict({"text": TEXTS, "label": LABELS})
    answers = [answer["label"] for answer in classify(rows["text"][:], truncation=True)]
    predictions = [classify.model.config.label2id[answer] for answer in answers]
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**tokenizer(TEXTS, padding=True, return_tensors="pt")).logits
    outcome = EvalPrediction(predictions=logits.numpy(), label_ids=np.array(LABELS))
    scores, labels = outcome
    return {
        "accuracy": float(accuracy_score(LABELS, predictions)),
        "f1": float(f1_score(LABELS, predictions, average="macro")),
        "of logits": float((scores.argmax(-1) == labels).mean()),
    }


def perplexity(folder: str) -> dict[str, Any]:
    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModelForCausalLM.from_pretrained(folder).eval()
    batch = tokenizer(TEXTS, padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits
    losses = torch.nn.functional.cross_entropy(logits[:, :-1].transpose(1, 2), batch["input_ids"][:, 1:], reduction="none")
    mask = batch["attention_mask"][:, 1:]
    return {"perplexities": ((losses * mask).sum(1) / mask.sum(1)).exp(), "mean": math.exp((losses * mask).sum() / mask.sum())}


def few_shots(folder: str) -> dict[str, Any]:
    body = Transformer(folder, max_seq_length=32)
    model = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")
    head = LogisticRegression(max_iter=200).fit(model.encode(TEXTS), LABELS)
    return {"head": head.predict_proba(model.encode(TEXTS)), "head's answers": head.predict(model.encode(TEXTS[::-1])).tolist()}


def own(folder: str) -> dict[str, Any]:
    PIPELINE_REGISTRY.register_pipeline("shares", pipeline_class=Shares, pt_model=AutoModelForSequenceClassification)
    shares = pipeline("shares", model=folder, device="cpu")
    verdicts = pipeline("text-classification", model=folder, pipeline_class=Verdicts, device="cpu")
    return {
        "shares": shares(TEXTS, batch_size=1),
        "fewer digits": shares(TEXTS[0], digits=1),
        "class": type(shares).__name__,
        "verdicts": verdicts(TEXTS),
    }
