"""Small stand-ins for the packages of optimizers, with the parameters that the real classes take."""

from inspect import Parameter, Signature
from types import ModuleType
from typing import Any

import torch

_ADAM = "lr betas eps weight_decay"
# Module -> class -> its parameters beside `params` (of LOMO, `model`).
CLASSES = {
    "bitsandbytes.optim": {
        "AdamW": f"{_ADAM} optim_bits is_paged",
        "AdEMAMix": f"{_ADAM} alpha t_alpha t_beta3 optim_bits is_paged",
        "Lion": "lr betas weight_decay optim_bits is_paged",
        "RMSprop": "lr alpha eps weight_decay momentum centered optim_bits",
    },
    "torchao.optim": dict.fromkeys(("AdamW4bit", "AdamW8bit"), f"{_ADAM} block_size bf16_stochastic_round"),
    "galore_torch": {
        "GaLoreAdamW": _ADAM,
        "GaLoreAdamW8bit": _ADAM,
        "GaLoreAdafactor": "lr eps weight_decay scale_parameter relative_step",
    },
    "apollo_torch": {"APOLLOAdamW": f"{_ADAM} scale_front"},
    "lomo_optim": dict.fromkeys(("Lomo", "AdaLomo"), "lr clip_grad_norm weight_decay"),
    "grokadamw": {"GrokAdamW": f"{_ADAM} alpha_init lamb gamma grokking_signal_decay_rate gradient_clipping"},
    "schedulefree": {
        "RAdamScheduleFree": f"{_ADAM} r weight_lr_power",
        "AdamWScheduleFree": f"{_ADAM} warmup_steps r weight_lr_power",
        "SGDScheduleFree": "lr momentum weight_decay warmup_steps r weight_lr_power",
    },
    "optimi": {"StableAdamW": f"{_ADAM} decouple_lr max_lr kahan_sum"},
    "torchdistx.optimizers": {
        "AnyPrecisionAdamW": f"{_ADAM} use_kahan_summation momentum_dtype variance_dtype compensation_buffer_dtype"
    },
}


def stand_in(name: str, parameters: str, first: str = "params") -> type:
    """A class of optimizers that descend along the gradient, and keep whatever else they are made with."""

    class StandIn(torch.optim.SGD):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            bound = shown.bind(*args, **kwargs).arguments
            made_of = bound.pop(first)
            super().__init__(made_of.parameters() if first == "model" else made_of, lr=bound.pop("lr"))
            self.kept = bound

    by_name = [Parameter(each, Parameter.POSITIONAL_OR_KEYWORD, default=None) for each in parameters.split()]
    shown = Signature([Parameter(first, Parameter.POSITIONAL_OR_KEYWORD), *by_name])
    return type(name, (StandIn,), {"__signature__": shown})


def modules() -> dict[str, ModuleType]:
    """All stand-ins, by the name they are imported by."""
    found: dict[str, ModuleType] = {}
    for path, classes in CLASSES.items():
        module = ModuleType(path)
        for name, parameters in classes.items():
            setattr(module, name, stand_in(name, parameters, "model" if path == "lomo_optim" else "params"))
        found[path] = module
        if "." in path:
            package = path.partition(".")[0]
            found[package] = ModuleType(package)
            setattr(found[package], path.rpartition(".")[2], module)
    return found
