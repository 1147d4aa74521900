"""The table of optimizers: where the class of each name is, and what it is made with."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ..choices import OptimizerNames as Name


@dataclass(frozen=True)
class Kind:
    """What an optimizer's name stands for.

    Fields:
        place: the class, as MODULE:NAME. shared: arguments that are those of `TrainingArguments`. fixed: arguments that the
            name decides. options: arguments with their defaults, which `optim_args` may replace, as it may name any other
            of the class. changed: arguments of `TrainingArguments` that are handed on if they are not the defaults there.
        low_rank: for the weights of `optim_target_modules`, whose gradient is projected: arguments of their group, which
            `optim_args` may replace. low_rank_shared: further ones, of `TrainingArguments`.
        layerwise: each parameter has an optimizer of its own, which updates it as soon as its gradient is there.
        of_model: it is made of the model, whose weights it updates while gradients are computed.
        averages: evaluation and saving take an average of the weights (`averaged.py`).
    """

    place: str
    shared: tuple[str, ...] = ()
    fixed: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    changed: tuple[str, ...] = ()
    low_rank: Mapping[str, Any] | None = None
    low_rank_shared: tuple[str, ...] = ()
    layerwise: bool = False
    of_model: bool = False
    averages: bool = False

    @property
    def in_backward(self) -> bool:
        """Whether weights are updated while gradients are computed."""
        return self.layerwise or self.of_model

    @property
    def module(self) -> str:
        """The module that its class is in."""
        return self.place.partition(":")[0]


_ADAM = ("betas", "eps")
_NO_SCALE = {"scale_parameter": False, "relative_step": False}
_ADEMAMIX: dict[str, Any] = {"beta3": 0.9999, "alpha": 5.0}
_FREE = {"weight_lr_power": 2.0, "r": 0.0}
_GALORE = {"rank": 128, "update_proj_gap": 200, "scale": 0.25, "proj_type": "std"}
_APOLLO = {
    "rank": 128,
    "proj": "random",
    "scale_type": "channel",
    "update_proj_gap": 200,
    "scale": 1.0,
    "proj_type": "std",
}
_PRECISIONS = {
    "use_kahan_summation": False,
    "momentum_dtype": "float32",
    "variance_dtype": "float32",
    "compensation_buffer_dtype": "bfloat16",
}


def _bitsandbytes(kind: str, bits: int, paged: bool | None = False, **options: Any) -> Kind:
    shared = {"Lion": ("betas",), "RMSprop": ()}.get(kind, _ADAM)
    fixed = {"optim_bits": bits} | ({} if paged is None else {"is_paged": paged})
    return Kind(f"bitsandbytes.optim:{kind}", shared, fixed, options)


def _torchao(kind: str) -> Kind:
    return Kind(f"torchao.optim:{kind}", _ADAM, {}, {"block_size": 256, "bf16_stochastic_round": False})


def _galore(kind: str, layerwise: bool = False) -> Kind:
    factors = kind == "GaLoreAdafactor"
    fixed, changed = (_NO_SCALE, ()) if factors else ({}, _ADAM)
    return Kind(f"galore_torch:{kind}", (), fixed, {}, changed, low_rank=_GALORE, layerwise=layerwise)


def _apollo(layerwise: bool = False) -> Kind:
    return Kind("apollo_torch:APOLLOAdamW", changed=_ADAM, low_rank=_APOLLO, low_rank_shared=_ADAM, layerwise=layerwise)


def _schedule_free(kind: str, *shared: str) -> Kind:
    return Kind(f"schedulefree:{kind}", (*shared, "weight_decay"), {}, _FREE, averages=True)


KINDS: dict[Name, Kind] = {
    Name.ADAMW_TORCH: Kind("torch.optim:AdamW", _ADAM),
    Name.ADAMW_TORCH_FUSED: Kind("torch.optim:AdamW", _ADAM, {"fused": True}),
    Name.ADAMW_TORCH_XLA: Kind("torch_xla.amp.syncfree:AdamW", _ADAM),
    Name.ADAMW_TORCH_NPU_FUSED: Kind("torch_npu.optim:NpuFusedAdamW", _ADAM),
    Name.ADAFACTOR: Kind("bestiary.training.adafactor:Adafactor", (), {}, _NO_SCALE),
    Name.ADAMW_ANYPRECISION: Kind("torchdistx.optimizers:AnyPrecisionAdamW", _ADAM, {}, _PRECISIONS),
    Name.ADAMW_TORCH_4BIT: _torchao("AdamW4bit"),
    Name.ADAMW_TORCH_8BIT: _torchao("AdamW8bit"),
    Name.ADEMAMIX: _bitsandbytes("AdEMAMix", 32, **_ADEMAMIX),
    Name.SGD: Kind("torch.optim:SGD"),
    Name.ADAGRAD: Kind("torch.optim:Adagrad"),
    Name.ADAMW_BNB: _bitsandbytes("AdamW", 8),
    Name.ADAMW_8BIT: _bitsandbytes("AdamW", 8),
    Name.ADEMAMIX_8BIT: _bitsandbytes("AdEMAMix", 8, **_ADEMAMIX),
    Name.LION_8BIT: _bitsandbytes("Lion", 8),
    Name.LION: _bitsandbytes("Lion", 32),
    Name.PAGED_ADAMW: _bitsandbytes("AdamW", 32, True),
    Name.PAGED_ADAMW_8BIT: _bitsandbytes("AdamW", 8, True),
    Name.PAGED_ADEMAMIX: _bitsandbytes("AdEMAMix", 32, True, **_ADEMAMIX),
    Name.PAGED_ADEMAMIX_8BIT: _bitsandbytes("AdEMAMix", 8, True, **_ADEMAMIX),
    Name.PAGED_LION: _bitsandbytes("Lion", 32, True),
    Name.PAGED_LION_8BIT: _bitsandbytes("Lion", 8, True),
    Name.RMSPROP: Kind("torch.optim:RMSprop"),
    Name.RMSPROP_BNB: _bitsandbytes("RMSprop", 32, None),
    Name.RMSPROP_8BIT: _bitsandbytes("RMSprop", 8, None),
    Name.RMSPROP_32BIT: _bitsandbytes("RMSprop", 32, None),
    Name.GALORE_ADAMW: _galore("GaLoreAdamW"),
    Name.GALORE_ADAMW_8BIT: _galore("GaLoreAdamW8bit"),
    Name.GALORE_ADAFACTOR: _galore("GaLoreAdafactor"),
    Name.GALORE_ADAMW_LAYERWISE: _galore("GaLoreAdamW", layerwise=True),
    Name.GALORE_ADAMW_8BIT_LAYERWISE: _galore("GaLoreAdamW8bit", layerwise=True),
    Name.GALORE_ADAFACTOR_LAYERWISE: _galore("GaLoreAdafactor", layerwise=True),
    Name.LOMO: Kind("lomo_optim:Lomo", of_model=True),
    Name.ADALOMO: Kind("lomo_optim:AdaLomo", of_model=True),
    Name.GROKADAMW: Kind(
        "grokadamw:GrokAdamW",
        options={
            "alpha_init": 0.98,
            "lamb": 2.0,
            "gamma": 0.1,
            "grokking_signal_decay_rate": 0.1,
            "gradient_clipping": 1.0,
        },
    ),
    Name.SCHEDULE_FREE_RADAM: _schedule_free("RAdamScheduleFree", *_ADAM),
    Name.SCHEDULE_FREE_ADAMW: _schedule_free("AdamWScheduleFree", *_ADAM, "warmup_steps"),
    Name.SCHEDULE_FREE_SGD: _schedule_free("SGDScheduleFree", "warmup_steps"),
    Name.APOLLO_ADAMW: _apollo(),
    Name.APOLLO_ADAMW_LAYERWISE: _apollo(layerwise=True),
    Name.STABLE_ADAMW: Kind(
        "optimi:StableAdamW", (*_ADAM, "weight_decay"), {}, {"decouple_lr": False, "max_lr": None, "kahan_sum": None}
    ),
}
