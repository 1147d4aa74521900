"""A SentenceTransformer: embeddings, similarity, a step of training with two losses, save and open again."""

from pathlib import Path
from typing import Any

import torch
from sentence_transformers import InputExample, SentenceTransformer, util
from sentence_transformers.models import Normalize, Pooling, Transformer
from sentence_transformers.sentence_transformer import losses
from torch.utils.data import DataLoader

TEXTS = ["My name is Sarah.", "The quick brown fox jumps over the lazy dog, and then it sleeps.", "Paris", ""]


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    body = Transformer(folders["bert"], max_seq_length=32)
    model = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")
    model.prompts = {"query": "Hello world "}
    computed: dict[str, Any] = {
        "plain": model.encode(TEXTS),
        "one": model.encode(TEXTS[0]),
        "batches": model.encode(TEXTS, batch_size=2, normalize_embeddings=True, convert_to_tensor=True),
        "prompt": model.encode(TEXTS, prompt_name="query"),
        "own prompt": model.encode(TEXTS, prompt="Machine learning "),
        "shorter": model.encode(TEXTS, truncate_dim=8),
        "tokens": model.encode(TEXTS, output_value="token_embeddings")[1],
        "int8": model.encode(TEXTS, precision="int8"),
        "length": model.max_seq_length,
        "width": model.get_embedding_dimension(),
        "tokenized": model.preprocess(TEXTS),
    }
    for mode in ("cls", "max", "lasttoken", "weightedmean"):
        other = SentenceTransformer(modules=[body, Pooling(32, mode), Normalize()], device="cpu")
        computed[f"pooling {mode}"] = other.encode(TEXTS)
    computed["similarity"] = model.similarity(computed["plain"], computed["plain"])
    computed["search"] = [
        [(hit["corpus_id"], hit["score"]) for hit in hits]
        for hits in util.semantic_search(computed["batches"], computed["batches"], top_k=2)
    ]
    model.save_pretrained(str(scratch / "saved"))
    again = SentenceTransformer(str(scratch / "saved"), device="cpu")
    computed["again"] = again.encode(TEXTS)
    computed["again's prompt"] = again.encode_query(TEXTS)
    computed["modules"] = [type(module).__name__ for module in again]
    computed["shorter from the start"] = SentenceTransformer(str(scratch / "saved"), device="cpu", truncate_dim=5).encode(TEXTS)
    computed |= trained(again, losses.MultipleNegativesRankingLoss, [[TEXTS[0], TEXTS[1]], [TEXTS[2], TEXTS[3]]], None)
    computed |= trained(again, losses.CosineSimilarityLoss, [[TEXTS[0], TEXTS[2]], [TEXTS[1], TEXTS[2]]], [0.1, 0.9])
    examples = [InputExample(texts=[TEXTS[0], TEXTS[1]], label=0.3), InputExample(texts=[TEXTS[2], TEXTS[1]], label=0.8)]
    again.eval()
    again.old_fit(
        [(DataLoader(examples, batch_size=2), losses.CosineSimilarityLoss(again))],
        epochs=2,
        warmup_steps=1,
        optimizer_class=torch.optim.SGD,
        optimizer_params={"lr": 1e-2},
        show_progress_bar=False,
    )
    computed["fit"] = again.eval().encode(TEXTS)
    again.save(str(scratch / "trained"))
    computed["trained again"] = SentenceTransformer(str(scratch / "trained"), device="cpu").encode(TEXTS)
    return computed


def trained(model: SentenceTransformer, kind: Any, rows: list[list[str]], labels: list[float] | None) -> dict[str, Any]:
    """The loss before and after three steps of an own loop, without dropout."""
    model.eval()
    loss = kind(model)
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-2)
    values = []
    for _ in range(3):
        columns = [model.preprocess(list(column)) for column in zip(*rows, strict=True)]
        value = loss(columns, None if labels is None else torch.tensor(labels))
        value.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad()
        values.append(value.item())
    return {f"{kind.__name__} losses": values, f"after {kind.__name__}": model.encode(TEXTS)}
