"""Small models, data and runs of a trainer, of this library or of the published one."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch

VOLATILE = ("runtime", "per_second", "preparation_time")


def rows(kind: str, count: int = 22) -> list[dict[str, Any]]:
    """Rows of data; token losses have another number of labels in each row."""
    generator = torch.Generator().manual_seed(1)

    def ids(*shape: int) -> torch.Tensor:
        return torch.randint(3, 50, shape, generator=generator)

    if kind == "causal":
        made = []
        for index in range(count):
            row = ids(8)
            labels = row.clone()
            labels[: index % 5] = -100
            made.append({"input_ids": row, "labels": labels})
        return made
    if kind == "seq2seq":
        made = []
        for index in range(count):
            labels = ids(6)
            labels[6 - index % 4 :] = -100
            made.append({"input_ids": ids(8), "labels": labels})
        return made
    if kind == "vision":
        return [{"pixel_values": torch.randn(3, 8, 8, generator=generator), "labels": index % 3} for index in range(count)]
    return [{"input_ids": ids(8), "label": index % 3} for index in range(count)]


def config(library: ModuleType, kind: str, dropout: float) -> tuple[Any, Any]:
    """The class and config of a model of this kind, in a library."""
    size: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    encoder = {**size, "hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout, "num_labels": 3}
    if kind == "causal":
        tokens = {"vocab_size": 50, "bos_token_id": 0, "eos_token_id": 0}
        made = library.LlamaConfig(**size, **tokens, num_key_value_heads=2, attention_dropout=dropout)
        return library.LlamaForCausalLM, made
    if kind == "seq2seq":
        sizes = {"vocab_size": 50, "d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2}
        made = library.T5Config(**sizes, dropout_rate=dropout, decoder_start_token_id=0)
        return library.T5ForConditionalGeneration, made
    if kind == "vision":
        return library.ViTForImageClassification, library.ViTConfig(**encoder, image_size=8, patch_size=4)
    return library.BertForSequenceClassification, library.BertConfig(**encoder, vocab_size=50)


def plain_log(trainer: Any) -> list[dict[str, Any]]:
    """The history without what differs from run to run."""
    return [
        {name: value for name, value in entry.items() if not any(word in name for word in VOLATILE)}
        for entry in trainer.state.log_history
    ]


def assert_same_end(first: Any, second: Any) -> None:
    """Two trainers ended with the same weights, optimizer, schedule and log, bit for bit."""
    others = second.model.state_dict()
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, others[name]), name
    for one, other in zip(*(each.optimizer.state_dict()["state"].values() for each in (first, second)), strict=True):
        for name, value in one.items():
            assert torch.equal(torch.as_tensor(value), torch.as_tensor(other[name])), name
    assert first.lr_scheduler.state_dict() == second.lr_scheduler.state_dict()
    assert plain_log(first) == plain_log(second)


def at_step(event: str, step: int, action: Callable[[], None]) -> Any:
    """A callback that does something once, at an event of a step."""
    from bestiary import TrainerCallback

    def act(self: Any, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        if state.global_step == step:
            action()

    return type("AtStep", (TrainerCallback,), {event: act})()
