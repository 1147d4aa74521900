"""Falcon Mamba (Zuo et al. 2024): Mamba whose step, B and C are normed, by RMS norms without weights.

Paper: https://arxiv.org/abs/2410.05355
"""

from typing import TYPE_CHECKING, ClassVar

from ...core.kinds import Rate
from ...modeling.variant import Import, variant
from .. import mamba
from ..mamba import MambaConfig


class FalconMambaConfig(MambaConfig):
    """Hyperparameters; `mixer_rms_eps` is the epsilon of the norms inside of the mixer."""

    model_type: ClassVar[str] = "falcon_mamba"

    mixer_rms_eps: Rate = 1e-6


TASKS = {"base": "FalconMambaModel", "causal-lm": "FalconMambaForCausalLM"}

PREPROCESSORS = {"tokenizer": "GPTNeoXTokenizer"}

if TYPE_CHECKING:
    from .classes import *  # noqa: F403

__getattr__, __dir__ = variant(__name__, FalconMambaConfig, TASKS, mamba, {"Mixer": Import(".model.FalconMambaMixer")})
