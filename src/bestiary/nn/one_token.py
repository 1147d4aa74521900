"""One decoded token's way through a layer in two calls of C: up to the keys that the cache takes, and from there on.

A family says what stands in its layers (`LayerSteps.attention`, `LayerSteps.gated`, ...); `through` computes, or gives None
where the layer is to be computed as it is written: somebody looks in, trains or records, or a part is not among the known ones.
"""

from collections.abc import Callable
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.modules import module as hooks

from ..kernels import elements, steps
from ..kernels.direct import is_direct
from ..kernels.elements import ONCE, SHIFTED, TWICE
from ..kernels.native import FORMATS
from ..kernels.steps import HEADS, Call, Known, Steps, Unfit, Watch
from .activations import KERNELS as ACTIVATIONS
from .attention import Attend
from .conv import Conv1D
from .kernels import SDPA
from .masks import Mask
from .moe import ExpertLoop, Experts, Router
from .norm import FullPrecisionRMSNorm, RMSNorm, ShiftedRMSNorm

_ROUNDINGS = {RMSNorm.forward: TWICE, FullPrecisionRMSNorm.forward: ONCE, ShiftedRMSNorm.forward: SHIFTED}
# Calls after which a layer without steps is looked at again.
_PATIENCE = 32
_ATTEND, _ROUTER = Known(Attend, "forward"), Known(Router, "forward scores")
_LOOP, _EXPERTS = Known(ExpertLoop, "forward _share"), Known(Experts, "_one")
_LAYER_NORM, _LINEAR = nn.LayerNorm.forward, F.linear


class LayerSteps:
    """The steps of one layer: `opening` makes queries, keys and values, `closing` begins with the attention of the query.

    Args:
        layer: the layer. dtype: of the states (1, 1, D).
    """

    def __init__(self, layer: nn.Module, dtype: torch.dtype) -> None:
        self.dtype = dtype
        self.watch = Watch(layer)
        self.opening, self.closing = Steps(dtype, self.watch), Steps(dtype, self.watch)
        self.heads = self.groups = self.size = self.layer_idx = 0
        self.turns = False
        self.whole = False

    def norm(self, into: Steps, holder: nn.Module, name: str, source: int, target: int | None = None, rows: int = 1) -> int:
        """A norm of so many rows; the place of its result."""
        module = self.watch.module(holder, name)
        if type(module).forward is _LAYER_NORM and rows == 1:
            return self._layer_norm(into, module, source)
        rounding = _ROUNDINGS.get(type(module).forward)
        if rounding is None or module.weight.dim() != 1 or not module._has_kernel:
            raise Unfit(f"{name} is a {type(module).__name__}")
        weight, epsilon = self.watch.tensor(module, "weight", self.dtype), self.watch.value(module, "_number")
        size = module.weight.shape
        target = into.place(rows * size[0]) if target is None else target
        into.add(steps.NORM, source, target, weight=weight, inputs=size[0], rows=rows, number=epsilon, choice=rounding)
        return target

    def _layer_norm(self, into: Steps, module: Any, source: int) -> int:
        if len(module.normalized_shape) != 1 or module.weight is None:
            raise Unfit("a norm of several dimensions, or without weights")
        weight, bias = (self.watch.tensor(module, name, self.dtype) for name in ("weight", "bias"))
        target, size = into.place(len(module.weight)), len(module.weight)
        epsilon = self.watch.value(module, "eps")
        into.add(steps.LAYER_NORM, source, target, weight=weight, bias=bias, inputs=size, number=epsilon)
        return target

    def attention(self, module: nn.Module, heads: int, groups: int, size: int) -> None:
        """What queries, keys and values there are, and the `attend` of the module that mixes them.

        Raises:
            Unfit: others compute it, or what they compute has no steps.
        """
        attend = self.watch.module(module, "attend")
        self.watch.follow(attend, _ATTEND)
        scoring = self.watch.value(attend, "scoring")
        others = self.watch.value(attend, "replacement")
        if self.watch.value(attend, "dropper") is not None:
            self.watch.module(module, getattr(module, "dropout_name", ""))  # of no effect while it is not trained
        implementation = self.watch.value(attend, "implementation")
        capped = scoring.softcap is not None
        exact = implementation == "eager" and self.dtype == torch.float32
        if others is not None or scoring.sinks is not None or not (exact or (implementation == "sdpa" and not capped)):
            raise Unfit("attention is computed by others")
        self.heads, self.groups, self.size, self.layer_idx = heads, groups, size, self.watch.value(module, "layer_idx")
        number, cap = scoring.scaling, scoring.softcap or 0.0
        self.closing.add(steps.ATTEND, HEADS, HEADS, rows=heads, outputs=groups, inputs=size, number=number, cap=cap)

    def turn(self, interleaved: bool) -> None:
        """Queries and keys turn by the angles of the call."""
        self.turns = True
        self.opening.add(
            steps.TURN, HEADS, HEADS, rows=self.heads, outputs=self.groups, inputs=self.size, choice=int(interleaved)
        )

    def join(self, source: int, other: int, target: int, factor: float, size: int) -> None:
        """`source` and `other` times a factor are added."""
        self.closing.add(steps.ADD, source, target, other=other, number=factor, inputs=size)

    def gated(self, activation: Any, gate: int, up: int | None, size: int) -> int:
        """The activation of a gate, multiplied by what it opens; the place of both is that of the gate."""
        if activation not in ACTIVATIONS:
            raise Unfit("another activation")
        choice = ACTIVATIONS[activation]
        if up is None:
            self.closing.add(steps.ACTIVATE, gate, gate, inputs=size, choice=choice)
        else:
            self.closing.add(steps.GATE, gate, gate, other=up, inputs=size, choice=choice)
        return gate

    def mixed(self, holder: nn.Module, router_name: str, experts_name: str, source: int) -> int:
        """What the experts give that a router chooses; the place of it.

        Raises:
            Unfit: others compute them.
        """
        watch, dtype = self.watch, self.dtype
        router, experts = watch.module(holder, router_name), watch.module(holder, experts_name)
        for module, known in ((router, _ROUTER), (experts, _LOOP), (experts, _EXPERTS)):
            watch.follow(module, known)
        if watch.tensor(router, "bias", dtype):
            raise Unfit("another kind of share")
        adds_up, chosen = watch.value(router, "shares_add_up"), watch.value(router, "top_k")
        activation = watch.value(experts, "act_fn")
        opening, back = (watch.tensor(experts, name, dtype) for name in ("gate_up_proj", "down_proj"))
        count, size, inner = experts.down_proj.shape
        if activation not in ACTIVATIONS or count > 1024 or not 0 < chosen <= count:
            raise Unfit("another activation, or too many experts")
        room, target = self.closing.place(3 * inner + size + 64), self.closing.place(size)
        self.closing.add(
            steps.MIX,
            source,
            target,
            other=room,
            weight=opening,
            scales=back,
            sums=watch.tensor(router, "weight", dtype),
            kernel=steps.half_kernel(dtype, inner * size),
            rows=chosen,
            inputs=size,
            outputs=inner,
            padded=count,
            choice=ACTIVATIONS[activation] + (int(adds_up) << 8),
        )
        return target

    def finish(self) -> None:
        """All steps are listed."""
        self.watch.made()
        for each in (self.opening, self.closing):
            each.finish()

    def take(self, x: Tensor, mask: Mask, cache: Any, rotary: tuple[Tensor, Tensor] | None, attend: Any) -> Tensor:
        """States (1, 1, D) -> (1, 1, D); `attend` mixes where that is no step."""
        kernels: Any = elements.elements()
        heads, groups, size = self.heads, self.groups, self.size
        states = x.new_empty((1, heads + 2 * groups, 1, size))
        call = Call(states=x.data_ptr(), heads=states.data_ptr(), format=FORMATS[self.dtype], threads=torch.get_num_threads())
        if self.turns and rotary is not None:
            cos, sin = rotary
            call.cos, call.sin, call.turned = cos.data_ptr(), sin.data_ptr(), cos.shape[-1]
        self.opening.run(kernels, call)
        key, value = states[:, heads : heads + groups], states[:, heads + groups :]
        if cache is not None:
            key, value = cache.update(key, value, self.layer_idx)
        result = torch.empty_like(x)
        call.result = result.data_ptr()
        if self._points_at(call, key, value, mask):
            self.closing.run(kernels, call)
        else:
            mixed = attend(states[:, :heads], key, value, mask).contiguous()
            call.heads = mixed.data_ptr()
            self.closing.run(kernels, call, 1)
        return result

    def _points_at(self, call: Call, key: Tensor, value: Tensor, mask: Mask) -> bool:
        """Whether the attention of the query is a step too; `call` is told of the keys then."""
        shape, allowed = key.shape, None if mask.hides_nothing else mask.allowed()
        if mask.additive is not None or shape != value.shape or shape[:2] != (1, self.groups) or shape[3] != self.size:
            return False
        if key.dtype is not self.dtype or value.dtype is not self.dtype or type(key) is not Tensor or not key.is_cpu:
            return False
        first, second = key.stride(), value.stride()
        if first[3] != 1 or second[3] != 1 or not shape[2]:
            return False
        if allowed is not None:
            if allowed.shape != (1, 1, 1, shape[2]) or not allowed.is_contiguous():
                return False
            call.allowed = allowed.data_ptr()
        call.keys, call.values, call.slots, call.steps = key.data_ptr(), value.data_ptr(), shape[2], (*first[:3], *second[:3])
        return True


class _None:
    """A layer without steps, and after how many calls to look again."""

    def __init__(self) -> None:
        self.left = _PATIENCE


_MADE: WeakKeyDictionary[nn.Module, LayerSteps | _None] = WeakKeyDictionary()


def steps_of(
    layer: nn.Module, make: Callable[[Any, LayerSteps], None], x: Tensor, mask: Any, positions: dict[str, Any]
) -> LayerSteps | None:
    """The steps of a layer for this call, made by `make` at first; None where the layer is computed as it is written."""
    if not is_direct(x, None) or x.dim() != 3 or x.shape[:2] != (1, 1) or x.shape[2] < elements.WIDE or x.dtype not in FORMATS:
        return None
    if torch.is_grad_enabled() or torch.is_autocast_enabled("cpu") or not x.is_contiguous():
        return None
    if not isinstance(mask, Mask) or mask.kernel is not None or mask.queries != 1 or positions.keys() - {"rotary"}:
        return None
    if F.linear is not _LINEAR or F.scaled_dot_product_attention is not SDPA:
        return None
    if layer.training or hooks._global_forward_hooks or hooks._global_forward_pre_hooks or elements.elements() is None:
        return None
    made = _MADE.get(layer)
    if isinstance(made, _None):
        made.left -= 1
        if made.left > 0:
            return None
    elif made is not None and made.dtype is x.dtype and made.watch.holds(layer):
        return made if _fits(made, positions) else None
    made = LayerSteps(layer, x.dtype)
    try:
        make(layer, made)
        made.finish()
        good = made.watch.holds(layer)
    except (Unfit, AttributeError, KeyError, TypeError, ValueError):  # a part that was replaced lacks what is read of it
        good = False
    _MADE[layer] = made if good else _None()
    if not good:
        return None
    return made if _fits(made, positions) else None


def _fits(made: LayerSteps, positions: dict[str, Any]) -> bool:
    if not made.turns:
        return True
    cos, sin = positions.get("rotary") or (None, None)
    if cos is None or sin is None or cos.dtype is not made.dtype or sin.dtype is not made.dtype:
        return False
    plain: bool = cos.shape == sin.shape and cos.shape[:2] == (1, 1) and cos.shape[2] <= made.size
    return plain and cos.is_contiguous() and sin.is_contiguous() and cos.is_cpu and sin.is_cpu


def _conv(module: Any, dtype: torch.dtype, watch: Watch) -> steps.Dense:
    if dtype is not torch.float32:
        raise Unfit("weights in 16 bits that lie by columns")
    weight, bias = (watch.tensor(module, name, dtype) for name in ("weight", "bias"))
    inputs, outputs = module.weight.shape
    fields = {"operation": steps.DENSE_BY_ROWS, "weight": weight, "bias": bias, "rows": 1}
    return {**fields, "inputs": inputs, "outputs": outputs}, outputs


steps.DENSE_LAYERS[Conv1D.forward] = _conv
