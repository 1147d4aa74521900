"""A model whose weights lie elsewhere computes what the model in memory computes.

Hooks bring the weights of a module for its own forward and no longer, so that no other module may read them: the first head of
each family runs from a disk, and no head of any reads the weights of another module.
"""

from pathlib import Path

import torch
from kit.elsewhere import weights_only_inside
from kit.families import Pair, close, each, every_head, generating_heads, one_each
from torch import nn


@each(one_each(every_head()))
def test_weights_on_disk(models: Pair, tmp_path: Path) -> None:
    # The folder takes what the checkpoint holds in another layout.
    offloaded = type(models.ours).from_pretrained(models.folder, device_map={"": "disk"}, offload_folder=tmp_path)
    assert all(parameter.is_meta for parameter in offloaded.parameters())
    with torch.no_grad():
        close(offloaded(**models.inputs)[0], models.plain[0], rtol=0, atol=0)


@each(one_each(every_head()))
def test_weights_in_memory_and_on_disk(models: Pair, tmp_path: Path) -> None:
    limit = models.ours.get_memory_footprint() // 2
    offloaded = type(models.ours).from_pretrained(
        models.folder, device_map="auto", max_memory={"cpu": limit}, offload_folder=tmp_path
    )
    assert "disk" in offloaded.hf_device_map.values()
    with torch.no_grad():
        close(offloaded(**models.inputs)[0], models.plain[0], rtol=0, atol=0)


@each(generating_heads())
@torch.no_grad()
def test_no_module_reads_the_weights_of_another(models: Pair) -> None:
    """That one forward does not is seen by all that compare `Pair.recorded` with the reference."""
    calls = {"max_new_tokens": 3, "num_beams": 2, "eos_token_id": None}
    tokens = models.ours.generate(**models.inputs, **calls)
    with weights_only_inside(models.ours):
        assert torch.equal(models.ours.generate(**models.inputs, **calls), tokens)


def test_reading_the_weights_of_another_module_is_found() -> None:
    class Reads(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dense = nn.Linear(3, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.dense(x) @ self.dense.weight

    model = Reads()
    with weights_only_inside(model):
        assert model.dense(torch.ones(2, 3)).isfinite().all()
        assert model(torch.ones(2, 3)).isnan().all()
    assert torch.equal(model(torch.ones(2, 3)), model.dense(torch.ones(2, 3)) @ model.dense.weight)
