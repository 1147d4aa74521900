"""The mixture of GLM-4.5. Parameter names are the published ones."""

from ...modeling.mixture import SharedMixture
from ..llama.model import LlamaMLP


class Glm4MoeMoE(SharedMixture):
    """The experts that a token chooses, and those that serve every token."""

    shared_class = LlamaMLP
