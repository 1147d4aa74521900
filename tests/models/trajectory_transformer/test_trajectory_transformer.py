"""Trajectory Transformer against what release 4.46.3 of the reference gave (`tests/golden/make_trajectories.py`)."""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import torch
from kit.families import close
from kit.trajectories import CONFIGS, fill, inputs
from safetensors.torch import load_file

from bestiary import AutoModel, TrajectoryTransformerConfig, TrajectoryTransformerModel
from bestiary.core.errors import InputError
from bestiary.modeling.families import family, tasks_of

STORED = load_file(Path(__file__).parents[2] / "golden" / "trajectories.safetensors")


@cache
def model_of(name: str) -> TrajectoryTransformerModel:
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(**CONFIGS[name])).eval()
    fill(model)
    return model


@pytest.mark.parametrize("length", [13, 20])
@pytest.mark.parametrize("name", CONFIGS)
def test_numbers_are_the_published_ones(name: str, length: int) -> None:
    model, key = model_of(name), f"{name}.{length}"
    output = model(**inputs(length), output_hidden_states=True, output_attentions=True)
    close(output.logits, STORED[f"{key}.logits"])
    close(output.loss, STORED[f"{key}.loss"])
    for field in ("hidden_states", "attentions"):
        expected = [STORED[f"{key}.{field}.{index}"] for index in range(len(output[field]))]
        assert f"{key}.{field}.{len(expected)}" not in STORED
        close(output[field], expected, field)
    model.zero_grad()
    model(**inputs(length)).loss.backward()
    sums = [parameter.grad.double().square().sum().float() for _, parameter in sorted(model.named_parameters())]  # type: ignore[union-attr]
    close(torch.stack(sums), STORED[f"{key}.gradients"], "gradients")


@torch.no_grad()
def test_an_unfinished_step_without_targets() -> None:
    close(model_of("weighted")(inputs(17)["trajectories"]).logits, STORED["weighted.unfinished"])


@torch.no_grad()
@pytest.mark.parametrize("cut", [1, 6, 7, 12])
def test_a_cache_goes_on_where_it_ended(cut: int) -> None:
    model, tokens = model_of("weighted"), inputs(20)["trajectories"]
    begun = model(tokens[:, :cut], use_cache=True)
    rest = model(tokens[:, cut:-1], past_key_values=begun.past_key_values)
    last = model(tokens[:, -1:], past_key_values=rest.past_key_values)
    close(torch.cat([begun.logits, rest.logits, last.logits], dim=1), STORED["weighted.20.logits"])
    assert model(tokens).past_key_values is None


@torch.no_grad()
def test_what_is_saved_is_opened(tmp_path: Path) -> None:
    model = model_of("weighted")
    model.save_pretrained(tmp_path)
    opened = AutoModel.from_pretrained(tmp_path)
    assert type(opened) is TrajectoryTransformerModel
    close(opened(**inputs(13)).loss, model(**inputs(13)).loss)
    assert opened.config.hidden_size == 32


def test_every_class_is_here() -> None:
    assert set(tasks_of("trajectory_transformer").values()) == {"TrajectoryTransformerModel"}
    assert family("trajectory_transformer").TrajectoryTransformerModel.config_class is TrajectoryTransformerConfig


def test_fresh_weights_start_as_published() -> None:
    torch.manual_seed(0)
    model = TrajectoryTransformerModel(TrajectoryTransformerConfig(n_layer=1))
    assert not model.pos_emb.any()
    assert model.head.weight.detach().abs().max() == pytest.approx(1 / 128**0.5, rel=1e-2)  # sqrt(6 / ((1 + 5) * 128))
    assert model.tok_emb.weight.detach().std() == pytest.approx(0.02, rel=0.05)


def wrong() -> Iterator[tuple[dict[str, Any], str]]:
    """Changes of the inputs, and words of the error."""
    yield {"trajectories": None}, "trajectories is a NoneType"
    yield {"trajectories": torch.full((3, 13), 12)}, "trajectories hold 12; this model knows 12 of them"
    yield {"trajectories": torch.zeros(3, 31).long()}, "31 tokens; this model has 30 positions"
    yield {"targets": torch.zeros(3, 12).long()}, r"expected the class behind each token, of shape \(3, 13\)"
    yield {"targets": torch.full((3, 13), 12)}, "targets"
    yield {"attention_mask": torch.ones(3, 12)}, r"attention_mask has shape \(3, 12\); expected \(3, 13\)"


@pytest.mark.parametrize(("changes", "words"), list(wrong()))
def test_what_it_cannot_read_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        model_of("weighted")(**{**inputs(13), **changes})
