"""A model whose weights lie elsewhere computes what the model in memory computes.

Hooks bring the weights of a module for its own forward and no longer, so that no other module may read them: the first head of
each family runs from a disk, and no head of any reads the weights of another module.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from kit.families import RECORDED, Pair, close, each, every_head, every_row, one_each
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


@contextmanager
def weights_only_inside(model: nn.Module) -> Iterator[None]:
    """Outside of a module's own forward its parameters and stored buffers are NaN, as if they lay elsewhere."""
    handles, replaced = [], []
    for module in model.modules():
        stored = {name: buffer for name, buffer in module._buffers.items() if name not in module._non_persistent_buffers_set}
        for home, tensors in ((module._parameters, dict(module._parameters)), (module._buffers, stored)):
            real = {name: tensor for name, tensor in tensors.items() if tensor is not None and tensor.is_floating_point()}
            gone: dict[str, Any] = {name: torch.full_like(tensor, torch.nan) for name, tensor in real.items()}
            if home is module._parameters:
                gone = {name: nn.Parameter(tensor, real[name].requires_grad) for name, tensor in gone.items()}
            if real:
                replaced.append((home, real))
                home.update(gone)
                handles.append(module.register_forward_pre_hook(_puts(home, real)))
                handles.append(module.register_forward_hook(_puts(home, gone), always_call=True))
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
        for home, real in replaced:
            home.update(real)


def _puts(home: dict[str, Any], tensors: dict[str, Any]) -> Any:
    return lambda *_: home.update(tensors)


@each(every_row())
@torch.no_grad()
def test_no_module_reads_the_weights_of_another(models: Pair) -> None:
    expected, calls = models.recorded, {"max_new_tokens": 3, "num_beams": 2, "eos_token_id": None}
    generates = models.head.generates and not models.variant
    tokens = models.ours.generate(**models.inputs, **calls) if generates else None
    with weights_only_inside(models.ours):
        output = models.ours(**models.inputs, **models.labels, **RECORDED)
        if generates:
            assert torch.equal(models.ours.generate(**models.inputs, **calls), tokens)
    assert output.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor | tuple):
            close(output[name], value, name)


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
