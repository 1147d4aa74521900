"""A model whose weights lie elsewhere computes what the model in memory computes, for every head of every family.

Hooks bring the weights of a module for its own forward and no longer, so that no other module may read them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from kit.families import Pair, close, each, every_head, every_row, one_each
from torch import nn


@each(every_head())
def test_weights_on_disk(models: Pair, tmp_path: Path) -> None:
    # The folder takes what the checkpoint holds in another layout.
    offloaded = type(models.ours).from_pretrained(models.folder, device_map={"": "disk"}, offload_folder=tmp_path)
    assert all(parameter.is_meta for parameter in offloaded.parameters())
    with torch.no_grad():
        close(offloaded(**models.inputs)[0], models.ours(**models.inputs)[0], rtol=0, atol=0)


@each(one_each(every_head()))
def test_weights_in_memory_and_on_disk(models: Pair, tmp_path: Path) -> None:
    limit = models.ours.get_memory_footprint() // 2
    offloaded = type(models.ours).from_pretrained(
        models.folder, device_map="auto", max_memory={"cpu": limit}, offload_folder=tmp_path
    )
    assert "disk" in offloaded.hf_device_map.values()
    with torch.no_grad():
        close(offloaded(**models.inputs)[0], models.ours(**models.inputs)[0], rtol=0, atol=0)


@contextmanager
def weights_only_inside(model: nn.Module) -> Iterator[None]:
    """Outside of a module's own forward its parameters and stored buffers are NaN, as if they lay elsewhere."""
    handles, own = [], []
    for module in model.modules():
        stored = {name: buffer for name, buffer in module._buffers.items() if name not in module._non_persistent_buffers_set}
        for home, tensors in ((module._parameters, dict(module._parameters)), (module._buffers, stored)):
            real = {name: tensor for name, tensor in tensors.items() if tensor is not None and tensor.is_floating_point()}
            gone: dict[str, Any] = {name: torch.full_like(tensor, torch.nan) for name, tensor in real.items()}
            if home is module._parameters:
                gone = {name: nn.Parameter(tensor, real[name].requires_grad) for name, tensor in gone.items()}
            if real:
                own.append((home, real))
                home.update(gone)
                handles.append(module.register_forward_pre_hook(_puts(home, real)))
                handles.append(module.register_forward_hook(_puts(home, gone), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for home, real in own:
            home.update(real)


def _puts(home: dict[str, Any], tensors: dict[str, Any]) -> Any:
    return lambda *_: home.update(tensors)


def everything(model: Any, inputs: dict[str, Any], generates: bool) -> dict[str, Any]:
    """All outputs of a call, and what is written after it."""
    stacks = {"output_hidden_states": True, "output_attentions": True} if model.stacks else {}
    found = {name: value for name, value in model(**inputs, **stacks).items() if isinstance(value, torch.Tensor | tuple)}
    if generates:
        for beams in (1, 2):
            found[f"{beams} beams"] = model.generate(**inputs, max_new_tokens=3, num_beams=beams, eos_token_id=None)
    return found


@each(every_row())
@torch.no_grad()
def test_no_module_reads_the_weights_of_another(models: Pair) -> None:
    generates = models.head.generates and not models.variant
    expected = everything(models.ours, models.inputs, generates)
    with weights_only_inside(models.ours):
        found = everything(models.ours, models.inputs, generates)
    assert found.keys() == expected.keys()
    for key, value in expected.items():
        close(found[key], value, key)


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
