"""The cases of text encoders, which have the same heads under their own prefix."""

from typing import Any

import torch

from .families import Case, Head, Inputs, class_labels, span_labels, token_labels, tokens


def memory() -> Inputs:
    """An encoder's states of three texts, padded on both sides."""
    mask = torch.tensor([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0], [0, 1, 1, 1, 0]])
    return {"encoder_hidden_states": torch.randn(3, 5, 32), "encoder_attention_mask": mask}


def encoder_heads(
    prefix: str, pad: int = 0, segments: bool = False, decoder: str = "", without: tuple[str, ...] = ()
) -> dict[str, Head]:
    """The usual classes of an encoder whose padding has the id `pad`.

    Args:
        segments: whether the second half of a text is of another segment. decoder: the class that generates, with
            cross-attention; its name without `prefix`. without: the classes that the family does not have, likewise.
    """

    def texts(**kwargs: Any) -> Inputs:
        inputs = tokens(pad=pad, **kwargs)
        kinds = torch.zeros_like(inputs["input_ids"])
        kinds[:, 4:] = 1
        return {**inputs, "token_type_ids": kinds} if segments else inputs

    def choices() -> Inputs:
        return {name: value.view(2, 3, -1) for name, value in texts(batch=6, length=13).items()}

    def with_memory() -> Inputs:
        return {**tokens(pad=pad, side="left"), **memory()}

    looks_back = {"is_decoder": True, "add_cross_attention": True}
    heads = {
        "ForMaskedLM": Head(texts, token_labels),
        "Model": Head(texts),
        **({decoder: Head(with_memory, token_labels, config=looks_back, generates=True)} if decoder else {}),
        "ForSequenceClassification": Head(texts, class_labels(3)),
        "ForTokenClassification": Head(texts, class_labels(3, per_token=True)),
        "ForQuestionAnswering": Head(texts, span_labels, config={"num_labels": 2}),
        "ForMultipleChoice": Head(
            choices, lambda inputs: {"labels": torch.tensor([2, 0])}, real=lambda inputs: inputs["attention_mask"].flatten(0, 1)
        ),
    }
    return {f"{prefix}{name}": head for name, head in heads.items() if name not in without}


TINY = {
    "vocab_size": 99,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_labels": 3,
}


def roberta_case(prefix: str, **variants: dict[str, Any]) -> Case:
    """The case of RoBERTa and of relatives that are data."""
    return Case(
        config_class=f"{prefix}Config",
        config={**TINY, "max_position_embeddings": 18, "type_vocab_size": 1},
        heads=encoder_heads(prefix, pad=1, decoder="ForCausalLM"),
        variants=variants,
        first_position=2,
    )
