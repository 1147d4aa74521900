"""Names that libraries import before they know whether they need them, of things that are not here.

Each becomes a class that has no objects: a library can derive from it and ask whether something is one, which nothing is.
"""

from typing import Any, Never

from ..core.errors import UnknownName

_HALF = "open the weights in 16 bit (dtype=torch.bfloat16)"
_RULES = "modules are named as their files are, so that no rules are needed"
# Of families that are not here yet.
_OF_FAMILIES = """
BlenderbotSmallConfig LongT5Config MarianConfig MoonshineConfig PaliGemmaProcessor PegasusXConfig ProphetNetConfig
SwitchTransformersConfig T5Gemma2Config T5Gemma2Encoder T5Gemma2TextConfig T5GemmaConfig T5GemmaEncoderModel
TimmWrapperConfig UdopConfig
"""
_QUANTIZERS = """
AqlmConfig FPQuantConfig HiggsConfig SpQRConfig VptqConfig
"""
# Name -> what to do instead.
ABSENT = {
    **dict.fromkeys(
        ("TensorFlowBenchmark", "TensorFlowBenchmarkArguments"), "take PyTorchBenchmark: models are torch's, not TensorFlow's"
    ),
    **dict.fromkeys(_OF_FAMILIES.split(), "take a family of docs/families.md"),
    **dict.fromkeys(("Concatenate", "ConversionOps", "MergeModulelist", "Transpose"), _RULES),
    **dict.fromkeys(_QUANTIZERS.split(), _HALF),
    **dict.fromkeys(("WeightConverter", "WeightRenaming", "rename_source_key"), _RULES),
}


def __getattr__(name: str) -> type:
    if name not in ABSENT:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def refuse(cls: type, *args: Any, **kwargs: Any) -> Never:
        raise UnknownName(f"{cls.__name__} cannot be made: bestiary has no {name} yet. Instead, {ABSENT[name]}.")

    stand_in = type(name, (), {"__new__": refuse, "__doc__": f"Not here yet: {ABSENT[name]}."})
    globals()[name] = stand_in
    return stand_in


def __dir__() -> list[str]:
    return sorted(ABSENT)
