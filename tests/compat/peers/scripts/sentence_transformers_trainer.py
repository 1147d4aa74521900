"""A SentenceTransformerTrainer, which derives from the library's Trainer: three epochs, an evaluation, embeddings."""

from pathlib import Path
from typing import Any

import datasets
import torch
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.models import Pooling, Transformer
from sentence_transformers.sentence_transformer import losses

ANCHORS = ["My name is Sarah.", "The quick brown fox", "Paris", "It sleeps", "over the lazy dog"]


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    body = Transformer(folders["bert"], max_seq_length=16)
    model = SentenceTransformer(modules=[body, Pooling(body.get_embedding_dimension(), "mean")], device="cpu")
    for module in model.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    rows = datasets.Dataset.from_dict({"anchor": ANCHORS, "positive": [text[:-2] for text in ANCHORS]})
    args = SentenceTransformerTrainingArguments(
        output_dir=str(scratch / "trained"),
        num_train_epochs=3,
        per_device_train_batch_size=2,
        logging_steps=1,
        eval_strategy="epoch",
        save_strategy="epoch",
        learning_rate=1e-2,
        optim="sgd",
        report_to="none",
        use_cpu=True,
        disable_tqdm=True,
    )
    loss = losses.MultipleNegativesRankingLoss(model)
    trainer = SentenceTransformerTrainer(model=model, args=args, train_dataset=rows, eval_dataset=rows, loss=loss)
    trainer.train()
    history = trainer.state.log_history
    computed: dict[str, Any] = {"steps": trainer.state.global_step}
    for name in ("loss", "grad_norm", "learning_rate", "eval_loss", "epoch"):
        computed[name] = [entry.get(name) for entry in history]
    computed["embeddings"] = model.encode(ANCHORS)
    computed["opened again"] = SentenceTransformer(str(scratch / "trained" / "checkpoint-9"), device="cpu").encode(ANCHORS)
    return computed
