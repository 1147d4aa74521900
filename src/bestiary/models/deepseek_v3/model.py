"""The mixture of DeepSeek-V3. Parameter names are the published ones."""

from ...modeling.mixture import SharedMixture
from ..llama.model import LlamaMLP


class DeepseekV3MoE(SharedMixture):
    """The experts that a token chooses, and those that serve every token."""

    shared_class = LlamaMLP
