"""The pieces of torch modules that scripts import from the older `modeling_utils` and `pytorch_utils`."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..core.errors import InputError
from ..nn.conv import Conv1D
from ..nn.losses import load_balancing_loss

if torch.distributed.is_available():
    # Adapters ask for this module as an attribute: importing the published modules of these names has loaded it.
    import torch.distributed.tensor
# The norms whose weights trainers keep from weight decay; models of others add theirs.
ALL_LAYERNORM_LAYERS: list[type[nn.Module]] = [nn.LayerNorm]


def id_tensor_storage(tensor: Tensor) -> tuple[torch.device, int, int]:
    """Device, address and bytes of a tensor's storage: the same for tensors that share it."""
    storage = tensor.untyped_storage()
    return tensor.device, storage.data_ptr(), storage.nbytes()


def meshgrid(*tensors: Tensor | list[Tensor], indexing: str | None = None) -> tuple[Tensor, ...]:
    """`torch.meshgrid`, which warns where `indexing` is not named."""
    return tuple(torch.meshgrid(*tensors, indexing=indexing or "ij"))


def softmax_backward_data(parent: Any, grad_output: Tensor, output: Tensor) -> Tensor:
    """The gradient of a softmax along `parent.dim`, from that of its `output`."""
    return output * (grad_output - (grad_output * output).sum(parent.dim, keepdim=True))


def move_to_device(value: Any, device: torch.device | str) -> Any:
    """Tensors, also in lists, tuples and dictionaries, on `device`; all else as it is."""
    if isinstance(value, Tensor):
        return value.to(device)
    if isinstance(value, dict):
        return {name: move_to_device(each, device) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(move_to_device(each, device) for each in value)
    return value


def load_balancing_loss_func(
    gate_logits: Sequence[Tensor] | None,
    num_experts: int | None = None,
    top_k: int = 2,
    attention_mask: Tensor | None = None,
) -> Tensor | int:
    """The loss of unevenly used experts (Fedus et al. 2021, eq. 4-6) of a mixture whose tokens go to `top_k` experts.

    Args:
        gate_logits: each layer's scores of the experts (tokens, experts), which say how many `num_experts` there are.
        attention_mask: (B, T), 0 for padding, which counts for nothing.
    """
    if gate_logits is None:
        return 0
    return load_balancing_loss(gate_logits, top_k, attention_mask)


def unwrap_model(model: nn.Module, recursive: bool = False) -> nn.Module:
    """The model inside of wrappers that hold it as `module` (DataParallel and its like).

    Args:
        recursive: unwrap the parts of the model too.
    """
    inner = model._modules.get("module")
    if inner is not None:
        return unwrap_model(inner, recursive)
    if recursive:
        for name, part in list(model.named_children()):
            setattr(model, name, unwrap_model(part, recursive))
    return model


def apply_chunking_to_forward(
    forward_fn: Callable[..., Tensor], chunk_size: int, chunk_dim: int, *input_tensors: Tensor
) -> Tensor:
    """`forward_fn` of the inputs, `chunk_size` entries of `chunk_dim` at a time (0: all at once).

    Raises:
        InputError: no inputs, inputs of different lengths, or a length that is no multiple of the chunk.
    """
    lengths = {tensor.shape[chunk_dim] for tensor in input_tensors}
    if len(lengths) != 1:
        raise InputError(f"chunks are cut from tensors of one length in dimension {chunk_dim}; found {sorted(lengths)}")
    if chunk_size < 1:
        return forward_fn(*input_tensors)
    [length] = lengths
    if length % chunk_size:
        raise InputError(f"dimension {chunk_dim} has {length} entries, which is no multiple of the chunk of {chunk_size}")
    pieces = zip(*(tensor.split(chunk_size, chunk_dim) for tensor in input_tensors), strict=True)
    return torch.cat([forward_fn(*piece) for piece in pieces], chunk_dim)


def find_pruneable_heads_and_indices(
    heads: Collection[int], n_heads: int, head_size: int, already_pruned_heads: Collection[int]
) -> tuple[set[int], Tensor]:
    """The heads that are still there, by their first numbers, and which features of q, k and v stay without them.

    Args:
        n_heads: how many heads there are now. already_pruned_heads: those cut out before.
    """
    pruned, before = set(heads) - set(already_pruned_heads), sorted(already_pruned_heads)
    left = torch.ones(n_heads, head_size, dtype=torch.bool)
    for head in pruned:
        left[head - sum(other < head for other in before)] = False
    return pruned, left.flatten().nonzero().squeeze(-1)


def prune_layer(layer: nn.Linear | Conv1D, index: Tensor, dim: int | None = None) -> nn.Linear | Conv1D:
    """A dense layer with the entries `index` of its weight's dimension `dim` (by default the outputs).

    Raises:
        InputError: another kind of layer.
    """
    if isinstance(layer, nn.Linear):
        return prune_linear_layer(layer, index, 0 if dim is None else dim)
    if isinstance(layer, Conv1D):
        return prune_conv1d_layer(layer, index, 1 if dim is None else dim)
    raise InputError(f"entries are cut from nn.Linear and Conv1D layers; found {type(layer).__name__}")


def prune_linear_layer(layer: nn.Linear, index: Tensor, dim: int = 0) -> nn.Linear:
    """The same for `nn.Linear`, whose weight is (out, in)."""
    weight = layer.weight.detach().index_select(dim, index.to(layer.weight.device))
    new = nn.Linear(weight.shape[1], weight.shape[0], layer.bias is not None, weight.device, weight.dtype)
    pruned: nn.Linear = _filled(new, weight, layer.bias, index if dim == 0 else None)
    return pruned


def prune_conv1d_layer(layer: Conv1D, index: Tensor, dim: int = 1) -> Conv1D:
    """The same for `Conv1D`, whose weight is (in, out)."""
    weight = layer.weight.detach().index_select(dim, index.to(layer.weight.device))
    new = Conv1D(weight.shape[1], weight.shape[0]).to(weight)
    pruned: Conv1D = _filled(new, weight, layer.bias, index if dim == 1 else None)
    return pruned


@torch.no_grad()
def _filled(layer: Any, weight: Tensor, bias: Tensor | None, index: Tensor | None) -> Any:
    layer.weight.copy_(weight)
    if bias is not None:
        layer.bias.copy_(bias if index is None else bias[index.to(bias.device)])
    return layer


class LambdaLayer(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: Any, *args: Any) -> Any:
        return self.function(x, *args)
