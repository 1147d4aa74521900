"""The hyperparameters of mask decoders that also say whether the object is seen, SAM 2's relatives. Needs no torch."""

from ..core.kinds import Amount, Rate
from .promptable_config import MaskDecoderConfig, PromptEncoderConfig


class ObjectDecoderConfig(MaskDecoderConfig):
    """Base of the configs: see `MaskDecoderConfig`.

    Of one mask for a clear prompt, with `dynamic_multimask_via_stability` the best of the others takes its place where it
    changes too much with the threshold: where the part above `dynamic_multimask_stability_delta` is a smaller share than
    `dynamic_multimask_stability_thresh` of the part above its negative.
    """

    hidden_act: str = "gelu"
    dynamic_multimask_via_stability: bool = True
    dynamic_multimask_stability_delta: Amount = 0.05
    dynamic_multimask_stability_thresh: Rate = 0.98


class ScaledPromptConfig(PromptEncoderConfig):
    """Base of the configs of prompt encoders that hold the spread of the frequencies, `scale`: see `PromptEncoderConfig`."""

    scale: Amount = 1.0
