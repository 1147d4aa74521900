"""Dropouts are modules where published ones are, under the published names: scripts walk over them and set `p`."""

import re
from typing import Any

import pytest
import torch
import transformers
from kit.families import Pair, each, every_head, one_each, our_class, pair, seed
from torch import nn

# Family -> (why its modules differ, a pattern of their names).
ELSEWHERE = {
    "albert": ("the published layer has one that it does not call", r"albert_layers\.\d+\.dropout$"),
    "esm": ("the published embeddings have one that they do not call", r"embeddings\.dropout$"),
    "big_bird": ("published block-sparse attention gets one once it meets a short text", r"\.self\.dropout$"),
    "bigbird_pegasus": ("published block-sparse attention gets one once it meets a short text", r"\.self\.dropout$"),
    "funnel": ("waves of positions are dropped by the one of the attention", r"(sin|cos)_dropout$"),
    "modernbert": ("the published heads call theirs drop", r"^(drop|dropout)$"),
    "vit": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "swin": ("the names are those of files, as of all parts of this family", r"(blocks\.\d.*|embeddings)\.dropout$"),
    "deit": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "ijepa": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "beit": ("the names are those of files, as of all parts of this family", r"(layers?\.\d.*|embeddings)\.dropout$"),
    "data2vec_vision": ("published attention has one that it calls only to tell its weights", r"attention\.dropout$"),
    "vjepa2": ("published attention has one that it does not call", r"attention\.dropout$"),
    "vivit": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "pixio": ("the names are those of files, as of all parts of this family", r"(layers?\.\d.*|embeddings)\.dropout$"),
    "vit_msn": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "vit_mae": ("the names are those of files, as of all parts of this family", r"layers?\.\d.*\.dropout$"),
    "eurobert": ("the head has one although its rate is 0", r"^dropout$"),
    "patchtst": ("the head has one although its rate is 0", r"^head\.dropout$"),
    "t5gemma": ("the head has one although its rate is 0", r"^lm_head\.dropout$"),
    "xlnet": ("the head has one although its rate is 0", r"^dropout$"),
}
# Published Falcon leaves out no probabilities without ALiBi, whatever its module says; Reformer trains on whole texts only.
APART = {"falcon", "reformer"}


def dropouts(model: nn.Module) -> dict[str, float]:
    """Name of each dropout -> the share that it leaves out."""
    return {name: part.p for name, part in model.named_modules() if isinstance(part, nn.Dropout)}


@each(every_head())
def test_modules(models: Pair) -> None:
    ours, theirs = dropouts(models.ours), dropouts(models.reference)
    _, pattern = ELSEWHERE.get(models.model_type, ("", "^$"))
    differ = [name for name in ours | theirs if ours.get(name) != theirs.get(name)]
    assert not [name for name in differ if not re.search(pattern, name)]


def rates_of(config: Any) -> list[str]:
    """The names of all rates of dropout that a config has, but those of whole layers."""
    return [name for name, value in config.to_dict().items() if "drop" in name and "layer" not in name and type(value) is float]


def first(output: Any) -> torch.Tensor:
    """The first tensor of an output."""
    return next(value for value in output.to_tuple() if isinstance(value, torch.Tensor))


@pytest.mark.parametrize("row", [row for row in one_each(every_head()) if row[0] not in APART], ids=lambda row: row[0])
def test_all_are_switched_off_and_on(row: Any) -> None:
    models = pair(*row)
    answers, names = [], rates_of(models.reference.config)
    for library, kind in ((transformers, type(models.reference)), (None, our_class(*row[:2]))):
        config = type((models.reference if library else models.ours).config).from_pretrained(models.folder)
        changed = []
        for rate, share in ((0.3, 0.0), (0.0, 0.5)):
            for name in names:
                setattr(config, name, rate)
            seed(0)
            model = kind(config)
            inputs = models.reference_inputs() if library else models.inputs
            model.load_state_dict(models.ours.state_dict() if library is None else models.reference.state_dict())
            seed(1)
            with torch.no_grad():
                expected = first(model.eval()(**inputs))
                model.train()
                for part in model.modules():
                    if isinstance(part, nn.Dropout):
                        part.p = share
                seed(1)
                changed.append(not torch.allclose(first(model(**inputs)), expected, atol=1e-5))
        answers.append(changed)
    assert answers[0] == answers[1]
