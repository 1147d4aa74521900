"""From GGUF's names and layouts to the published ones and back, as reversible rules."""

from collections.abc import Callable, Iterable

from ..rules import Rule, Tensors, stack
from .architectures import Architecture
from .changes import Change, Heads, changes


def rules(architecture: Architecture, heads: Heads, tensors: Iterable[str] | None = None) -> list[Rule]:
    """Rules whose stored names are the published ones, and whose model's names are GGUF's.

    So `on_load` of the published tensors gives what a GGUF file holds, and `on_save` of a file's tensors what is published.

    Args:
        tensors: of a file that is read, its names: where several published modules share one, those decide which it is.
    """
    present = None if tensors is None else set(tensors)
    result = []
    for published, tensor in {**architecture.names, **architecture.whole}.items():
        if present is not None and _belongs_to_another(published, tensor, present):
            continue
        change = architecture.changes.get(tensor)
        load, save = changes(change, heads) if change else (None, None)
        if "{n}" in published:
            result.append(stack([f"{published}.weight"], f"{tensor}.weight"))
        elif published in architecture.whole:
            result.append(_rule(published, tensor, load, save))
        elif change in ("transposed", "channel", "row", "plus-one"):  # of the weights alone
            result.append(_rule(f"{published}.weight", f"{tensor}.weight", load, save))
            result.append(_rule(f"{published}.bias", f"{tensor}.bias"))
        else:
            result.append(_rule(f"{published}.{{}}", f"{tensor}.{{}}", load, save))
    return result


def _rule(published: str, tensor: str, load: Change | None = None, save: Change | None = None) -> Rule:
    return Rule((published,), (tensor,), _of_one(save), _of_one(load))


def _of_one(change: Change | None) -> Callable[[Tensors], Tensors]:
    return list if change is None else lambda tensors: [change(tensors[0])]


def _belongs_to_another(published: str, tensor: str, present: set[str]) -> bool:
    """Whether, of two published modules that a tensor stands for, it is the other one."""
    stack_of = tensor.partition("blk")[0]
    if ".DenseReluDense.wi" in published and tensor.endswith("ffn_up"):
        gated = f"{stack_of}blk.0.ffn_gate.weight" in present
        return gated != published.endswith("wi_1")
    if tensor == "blk.{}.attn_norm" and published.endswith((".ln_mlp", "h.{}.input_layernorm")):
        return ("blk.0.attn_norm_2.weight" in present) != published.endswith("ln_mlp") and ".h." in published
    return False
