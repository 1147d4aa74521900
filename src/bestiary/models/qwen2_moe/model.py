"""What of Qwen 2 MoE is not Llama."""

from ...modeling.mixture import GatedSharedMixture
from ..llama.model import LlamaMLP


class Qwen2MoeMixture(GatedSharedMixture):
    """A mixture, and an expert for every token, times a share (0 to 1) that the token's state decides."""

    shared_class = LlamaMLP
