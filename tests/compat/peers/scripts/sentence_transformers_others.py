"""A CrossEncoder with one score and with three, a SparseEncoder (SPLADE), a CLIP of texts and images."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Transformer
from sentence_transformers.sparse_encoder.modules import SpladePooling

PAIRS = [("My name is Sarah.", "Who am I?"), ("Paris is a town.", "The quick brown fox jumps over the lazy dog."), ("", "a")]
TEXTS = ["My name is Sarah.", "The quick brown fox jumps over the lazy dog, and then it sleeps."]


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    return {**crosses(folders, scratch), **sparse(folders, scratch), **images(folders, scratch)}


def crosses(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    model = CrossEncoder(folders["score"], device="cpu", max_length=24)
    computed: dict[str, Any] = {
        "score": model.predict(PAIRS),
        "score of one": model.predict(PAIRS[0]),
        "raw score": model.predict(PAIRS, activation_fn=torch.nn.Identity(), convert_to_tensor=True),
        "ranks": [(hit["corpus_id"], float(hit["score"])) for hit in model.rank(TEXTS[0], [b for _, b in PAIRS])],
        "classes": CrossEncoder(folders["classes"], device="cpu").predict(PAIRS, apply_softmax=True, batch_size=2),
    }
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    features = model.preprocess(PAIRS)
    for step in range(2):
        logits = model(features)["scores"].view(-1)
        loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, torch.tensor([1.0, 0.0, 0.5]))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        computed[f"cross loss {step}"] = loss.item()
    model.save_pretrained(str(scratch / "cross"))
    computed["cross again"] = CrossEncoder(str(scratch / "cross"), device="cpu").predict(PAIRS)
    fresh = CrossEncoder(folders["bert"], device="cpu", num_labels=1)
    computed["fresh head"] = list(fresh.predict(PAIRS).shape)
    return computed


def sparse(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    body = Transformer(folders["masked"], transformer_task="fill-mask", max_seq_length=24)
    model = SparseEncoder(modules=[body, SpladePooling("max")], device="cpu")
    vectors = model.encode(TEXTS)
    model.save_pretrained(str(scratch / "sparse"))
    again = SparseEncoder(str(scratch / "sparse"), device="cpu")
    return {
        "sparse": vectors.to_dense(),
        "sparse similarity": model.similarity(vectors, vectors),
        "decoded": model.decode(vectors, top_k=3),
        "sparse again": again.encode(TEXTS, convert_to_sparse_tensor=False),
    }


def images(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    model = SentenceTransformer(folders["clip"], device="cpu")
    pixels = np.arange(40 * 50 * 3, dtype=np.uint8).reshape(40, 50, 3)
    pictures = [Image.fromarray(pixels), Image.fromarray(pixels[:30, ::-1].copy())]
    model.save_pretrained(str(scratch / "clip"))
    again = SentenceTransformer(str(scratch / "clip"), device="cpu")
    return {
        "texts": model.encode(TEXTS),
        "images": model.encode(pictures, batch_size=1),
        "texts to images": model.similarity(model.encode(TEXTS), model.encode(pictures)),
        "images again": again.encode(pictures),
    }
