"""The steps of one token through a layer of Llama and its relatives (`nn/one_token.py`)."""

from typing import Any, NamedTuple

from torch import Tensor

from ...kernels.steps import HEADS, RESULT, STATES, Known, Unfit
from ...modeling.mixture import Mixture
from ...nn.attention import LayerCache
from ...nn.masks import Mask
from ...nn.one_token import LayerSteps, steps_of

_MIXTURE = Known(Mixture, "forward mixed route")


class Parts(NamedTuple):
    """The classes whose ways of computing have steps."""

    layer: Known
    attention: Known
    mlp: Known

    def list_steps(self, layer: Any, made: LayerSteps) -> None:
        """List the steps of a layer.

        Raises:
            Unfit: it computes in another way.
        """
        _list(self, layer, made)


def through(
    parts: Parts, layer: Any, x: Tensor, mask: Mask, cache: LayerCache | None, positions: dict[str, Any]
) -> Tensor | None:
    """States (1, 1, D) behind the layer; None where it is to be computed as it is written."""
    made = steps_of(layer, parts.list_steps, x, mask, positions)
    if made is None:
        return None
    states = made.take(x, mask, cache, positions.get("rotary"), layer.mixer.attend)
    return states if made.whole else layer.second_half(states)


def _list(parts: Parts, layer: Any, made: LayerSteps) -> None:
    made.watch.follow(layer, parts.layer)
    if layer.is_parallel:
        raise Unfit("another kind of layer")
    for name in filter(None, layer.dropout_names):
        made.watch.module(layer, name)  # of no effect while it is not trained
    before, behind, _, _ = layer.norm_names
    attention = made.watch.module(layer, layer.mixer_name)
    made.watch.follow(attention, parts.attention)
    size = attention.q_proj.in_features
    _attention(made, attention, STATES if before is None else made.norm(made.opening, layer, before, STATES))
    mixed = made.closing.dense(attention, attention.output_name, HEADS)
    mixed = mixed if behind is None else made.norm(made.closing, layer, behind, mixed)
    factor = made.watch.value(layer, "multiplier")
    count = len(made.closing)
    try:
        half = made.closing.place(size)
        made.join(STATES, mixed, half, factor, size)
        _mlp(parts, layer, made, half, factor, size)
        made.whole = True
    except Unfit:
        made.closing.cut(count)
        made.join(STATES, mixed, RESULT, factor, size)


def _attention(made: LayerSteps, attention: Any, source: int) -> None:
    watch = made.watch
    size = watch.value(attention, "head_dim")
    heads, groups = attention.q_proj.out_features // size, attention.k_proj.out_features // size
    if watch.value(attention, "bound") is not None or attention.sinks is not None:
        raise Unfit("bounded, or with sinks")
    made.attention(attention, heads, groups, size)
    at = HEADS
    for name, count in (("q_proj", heads), ("k_proj", groups), ("v_proj", groups)):
        made.opening.dense(attention, name, source, at)
        at -= count * size
    turns = watch.value(attention, "turns")
    if turns and attention.norms_turned:
        made.turn(watch.value(attention, "interleaved"))
    names = attention.norm_names
    if all(attention._modules.get(name) is not None for name in names):
        for name, place, count in zip(names, (HEADS, HEADS - heads * size), (heads, groups), strict=True):
            made.norm(made.opening, attention, name, place, place, 1 if attention.joint_norm else count)
    if turns and not attention.norms_turned:
        made.turn(watch.value(attention, "interleaved"))


def _mlp(parts: Parts, layer: Any, made: LayerSteps, half: int, factor: float, size: int) -> None:
    _, _, before, behind = layer.norm_names
    mlp = made.watch.module(layer, layer.mlp_name)
    closing = made.closing
    source = half if before is None else made.norm(closing, layer, before, half)
    if isinstance(mlp, Mixture):
        made.watch.follow(mlp, _MIXTURE)
        fed = made.mixed(mlp, mlp.router_name, "experts", source)
    else:
        fed = _gated(parts, made, mlp, source)
    fed = fed if behind is None else made.norm(closing, layer, behind, fed)
    made.join(half, fed, RESULT, factor, size)


def _gated(parts: Parts, made: LayerSteps, mlp: Any, source: int) -> int:
    made.watch.follow(mlp, parts.mlp)
    closing = made.closing
    inner = mlp._modules[mlp.down_name].in_features
    if mlp.gate_name is None:
        gate, up = closing.dense(mlp, mlp.up_name, source), None
    else:
        gate = closing.dense(mlp, mlp.gate_name, source)
        up = gate + inner if mlp.up_name is None else closing.dense(mlp, mlp.up_name, source)
    gate = made.gated(made.watch.value(mlp, "act_fn"), gate, up, inner)
    return closing.dense(mlp, mlp.down_name, gate)
