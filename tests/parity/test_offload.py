"""A model whose weights lie on disk computes what the model in memory computes, for every head of every family."""

from pathlib import Path

import pytest
import torch
from kit.families import every_head, pair

HEADS = [row for row in every_head() if not row[2]]


@pytest.mark.parametrize(("model_type", "name", "variant"), HEADS)
def test_weights_on_disk(model_type: str, name: str, variant: str) -> None:
    models = pair(model_type, name, variant)
    found = type(models.ours).from_pretrained(models.folder, device_map={"": "disk"})
    assert all(parameter.is_meta for parameter in found.parameters())
    with torch.no_grad():
        assert torch.equal(found(**models.inputs)[0], models.ours(**models.inputs)[0])


@pytest.mark.parametrize("model_type", sorted({row[0] for row in HEADS}))
def test_weights_in_memory_and_on_disk(model_type: str, tmp_path: Path) -> None:
    models = pair(model_type, next(row[1] for row in HEADS if row[0] == model_type))
    limit = models.ours.get_memory_footprint() // 2
    found = type(models.ours).from_pretrained(
        models.folder, device_map="auto", max_memory={"cpu": limit}, offload_folder=tmp_path
    )
    assert "disk" in found.hf_device_map.values()
    with torch.no_grad():
        assert torch.equal(found(**models.inputs)[0], models.ours(**models.inputs)[0])
