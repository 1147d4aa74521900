"""RAG: every class with documents that were found already, over BART and over T5; `tests/models/rag` finds and writes."""

import torch
from kit.families import Case, Head, Inputs, tokens

N = 2
QUESTIONS = {"model_type": "dpr", "vocab_size": 99, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2}
QUESTIONS |= {"num_attention_heads": 4, "max_position_embeddings": 40}
SIZES = {
    f"{half}_{name}": size
    for half in ("encoder", "decoder")
    for name, size in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 40))
}
BART = {"model_type": "bart", "vocab_size": 99, "d_model": 32, "max_position_embeddings": 40, "pad_token_id": 1, **SIZES}
T5 = {"model_type": "t5", "vocab_size": 99, "d_model": 32, "d_kv": 8, "d_ff": 40, "num_layers": 2, "num_heads": 4}


def read() -> Inputs:
    """Two documents with each of three questions."""
    context = tokens(batch=3 * N, length=15, pad=1)
    inputs = {f"context_{name}": value for name, value in context.items()}
    return {**inputs, "doc_scores": torch.randn(3, N), "decoder_input_ids": torch.randint(5, 99, (3, 7))}


def labels(inputs: Inputs) -> Inputs:
    """Answers; the loss is that of all together."""
    return {"labels": inputs["decoder_input_ids"], "reduce_loss": True}


def real(inputs: Inputs) -> torch.Tensor:
    """Of the documents, where the generator's encoder sees padding."""
    return inputs["context_attention_mask"]


CASE = Case(
    config_class="RagConfig",
    config={"question_encoder": QUESTIONS, "generator": BART, "n_docs": N, "label_smoothing": 0.1},
    heads={
        "RagTokenForGeneration": Head(read, labels, real=real),
        "RagSequenceForGeneration": Head(read, labels, real=real),
        "RagModel": Head(read, real=real),
    },
    variants={"t5": {"generator": T5}, "marginal": {"do_marginalize": True}},
)
