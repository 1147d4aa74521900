"""Where generation meets models: the one file of `modeling/` that knows it."""

from ...batching.mixin import ContinuousMixin
from ...generation.mixin import Generating
from ...structured.mixin import StructuredMixin


class GenerationMixin(Generating, StructuredMixin, ContinuousMixin):
    """What a model with a language-modelling head can do besides its forward; before the model's base in the list of bases."""
