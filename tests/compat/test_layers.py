"""The pieces of layers that older scripts import, beside the published ones."""

import pytest
import torch
import transformers.pytorch_utils as theirs
from torch import nn
from transformers.models.mixtral import modeling_mixtral

from bestiary.compat import layers
from bestiary.core.errors import InputError


def equal_parameters(a: nn.Module, b: nn.Module) -> bool:
    pairs = zip(a.named_parameters(), b.named_parameters(), strict=True)
    return all(name == other and torch.equal(x, y) for (name, x), (other, y) in pairs)


@pytest.mark.parametrize("dim", [None, 0, 1])
@pytest.mark.parametrize("bias", [True, False])
def test_linear_layers_lose_features(dim: int | None, bias: bool) -> None:
    index = torch.tensor([0, 3, 4])
    layer = nn.Linear(5, 6, bias=bias)
    asked = {} if dim is None else {"dim": dim}
    assert equal_parameters(layers.prune_linear_layer(layer, index, **asked), theirs.prune_linear_layer(layer, index, **asked))
    assert equal_parameters(layers.prune_layer(layer, index, dim), theirs.prune_linear_layer(layer, index, **asked))


@pytest.mark.parametrize("dim", [None, 0, 1])
def test_the_other_dense_layer_loses_features(dim: int | None) -> None:
    index = torch.tensor([0, 3, 4])
    layer = layers.Conv1D(6, 5)
    nn.init.normal_(layer.weight)
    nn.init.normal_(layer.bias)
    found = layers.prune_layer(layer, index, dim)
    x = torch.randn(2, 5)
    if dim == 0:
        mask = torch.zeros(5).index_fill(0, index, 1)
        torch.testing.assert_close(found(x[:, index]), layer(x * mask))
    else:
        torch.testing.assert_close(found(x), layer(x)[:, index])


def test_other_layers_keep_their_features() -> None:
    with pytest.raises(InputError, match="found Embedding"):
        layers.prune_layer(nn.Embedding(2, 2), torch.tensor([0]))  # type: ignore[arg-type]


def test_features_of_heads_that_stay() -> None:
    """By a table of all features, labelled with head and place."""
    table = [(head, place) for head in (0, 2, 3, 5) for place in range(3)]  # 1 and 4 are gone already
    heads, index = layers.find_pruneable_heads_and_indices([1, 3, 5], 4, 3, {1, 4})
    assert heads == {3, 5}
    assert [table[i] for i in index.tolist()] == [entry for entry in table if entry[0] not in (3, 5)]


@pytest.mark.parametrize("size", [0, 1, 2, 6])
@pytest.mark.parametrize("dim", [0, 1])
def test_chunks(size: int, dim: int) -> None:
    a, b = torch.randn(2, 6, 6, 3).unbind()
    calls: list[int] = []

    def forward(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        calls.append(x.shape[dim])
        return x * 2 + y

    found = layers.apply_chunking_to_forward(forward, size, dim, a, b)
    ours = calls.copy()
    calls.clear()
    assert torch.equal(found, theirs.apply_chunking_to_forward(forward, size, dim, a, b))
    assert calls == ours == [size or 6] * (6 // (size or 6))


def test_chunks_that_do_not_fit() -> None:
    for tensors, size in (((torch.ones(5),), 2), ((torch.ones(4), torch.ones(2)), 2)):
        with pytest.raises(InputError):
            layers.apply_chunking_to_forward(torch.add, size, 0, *tensors)
        with pytest.raises(ValueError):  # noqa: PT011 (theirs)
            theirs.apply_chunking_to_forward(torch.add, size, 0, *tensors)


def test_the_rest_of_the_helpers() -> None:
    x = torch.arange(6.0).reshape(2, 3)
    assert layers.id_tensor_storage(x[0]) == theirs.id_tensor_storage(x) == theirs.id_tensor_storage(x[0])
    for options in ({"indexing": "ij"}, {"indexing": "xy"}):
        pairs = zip(layers.meshgrid(x[0], x[1], **options), theirs.meshgrid(x[0], x[1], **options), strict=True)
        assert all(torch.equal(one, other) for one, other in pairs)
    assert torch.equal(layers.meshgrid(x[0], x[1])[0], layers.meshgrid(x[0], x[1], indexing="ij")[0])
    assert nn.LayerNorm in layers.ALL_LAYERNORM_LAYERS
    assert nn.LayerNorm in theirs.ALL_LAYERNORM_LAYERS
    parts = {"a": [x, 3], "b": (x,)}
    moved = layers.move_to_device(parts, "meta")
    assert moved["a"][0].is_meta
    assert moved["b"][0].is_meta
    assert moved["a"][1] == 3


@pytest.mark.parametrize("padded", [True, False])
def test_the_loss_of_unevenly_used_experts(padded: bool) -> None:
    logits = tuple(torch.randn(3, 8, 4).unbind())
    mask = (torch.arange(4) >= torch.tensor([[0], [2]])).long() if padded else None
    one = layers.load_balancing_loss_func(logits, 4, 2, mask)
    torch.testing.assert_close(one, modeling_mixtral.load_balancing_loss_func(logits, 4, 2, mask))
    assert layers.load_balancing_loss_func(None) == modeling_mixtral.load_balancing_loss_func(None) == 0


def test_the_gradient_of_a_softmax() -> None:
    x = torch.randn(2, 4, 3, requires_grad=True)
    gradient = torch.randn(2, 4, 3)
    for dim in (1, -1):
        output = x.softmax(dim)
        [expected] = torch.autograd.grad(output, x, gradient)
        parent = type("Parent", (), {"dim": dim})
        torch.testing.assert_close(layers.softmax_backward_data(parent, gradient, output.detach()), expected)


def test_wrappers_come_off() -> None:
    inner = nn.Linear(2, 2)
    assert layers.unwrap_model(nn.DataParallel(nn.DataParallel(inner))) is inner
    outer = nn.Sequential(nn.DataParallel(inner))
    assert layers.unwrap_model(outer, recursive=True)[0] is inner


def test_a_function_as_a_module() -> None:
    from transformers.time_series_utils import LambdaLayer as Published

    from bestiary.compat.layers import LambdaLayer

    x = torch.tensor([1.0, 2.0])
    for kind in (LambdaLayer, Published):
        assert torch.equal(kind(lambda a, b=1.0: a * b)(x), x)
    assert torch.equal(LambdaLayer(torch.mul)(x, x), Published(torch.mul)(x, x))
