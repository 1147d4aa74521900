"""Weights of every family shared out in a group of one process: gradients are those without sharing."""

import gc
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from kit.families import cases, close, every_head, one_each, our_class, seed
from torch import distributed as dist
from torch.utils import _pytree as pytree

from bestiary.training.processes import Processes
from bestiary.training.sharding.plan import Plan
from bestiary.training.sharding.weights import _mesh, is_sharded, shard, whole_of

pytestmark = [
    # Nobody changes what a model gave in place.
    pytest.mark.filterwarnings("ignore:FSDP2-wrapped module .* returned a view:UserWarning"),
    # The weights of Reformer's reversible layers are gathered together.
    pytest.mark.filterwarnings("ignore:.*no layers that can be gathered:UserWarning"),
]
HEADS = [row[:2] for row in one_each(every_head())]


@pytest.fixture(scope="module", autouse=True)
def group() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        gc.collect()
        _mesh.cache_clear()
        dist.destroy_process_group()


def gradients(model: Any, inputs: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The gradient of each weight, of the mean square of all that the model gives."""
    seed(3)  # for dropout
    outputs = [each for each in pytree.tree_leaves(model(**inputs)) if isinstance(each, torch.Tensor) and each.requires_grad]
    sum(each.float().square().mean() for each in outputs).backward()  # type: ignore[union-attr]
    found = {name: whole_of(each.grad) for name, each in model.named_parameters() if each.grad is not None}
    model.zero_grad()
    return found


@pytest.mark.parametrize(("model_type", "name"), HEADS, ids=["-".join(head) for head in HEADS])
def test_gradients_are_those_without_sharing(model_type: str, name: str) -> None:
    case = cases()[model_type]
    head = case.heads[name]
    config = our_class(model_type, head.config_class or case.config_class)
    seed(0)
    model = our_class(model_type, name)(config(**case.config, **head.config)).train()
    inputs = head.inputs()
    inputs |= head.labels(inputs)
    expected = gradients(model, inputs)
    shard(model, Plan(), Processes(0, 0, 1, torch.device("cpu")))
    found = gradients(model, inputs)
    assert is_sharded(model)
    assert any(hasattr(each, "full_tensor") for each in model.parameters())
    assert found.keys() == expected.keys()
    for weight, value in expected.items():
        close(found[weight], value, weight)


def test_tied_weights_stay_together_where_size_decides() -> None:
    case = cases()["gpt2"]
    head = case.heads["GPT2LMHeadModel"]
    seed(0)
    model = our_class("gpt2", "GPT2LMHeadModel")(our_class("gpt2", case.config_class)(**case.config)).train()
    inputs = head.inputs()
    inputs |= head.labels(inputs)
    expected = gradients(model, inputs)
    shard(model, Plan(policy="SIZE_BASED_WRAP", least=100), Processes(0, 0, 1, torch.device("cpu")))
    assert model.lm_head.weight is model.get_input_embeddings().weight
    found = gradients(model, inputs)
    assert found.keys() == expected.keys()
    for weight, value in expected.items():
        close(found[weight], value, weight)
