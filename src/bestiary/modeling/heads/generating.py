"""Where generation meets models: the one file of `modeling/` that knows it."""

from typing import Self

from ...batching.mixin import ContinuousMixin
from ...generation.mixin import Generating
from ...structured.mixin import StructuredMixin
from ..early_exit import first_layers


class GenerationMixin(Generating, StructuredMixin, ContinuousMixin):
    """What a model with a language-modelling head can do besides its forward; before the model's base in the list of bases."""

    def first_layers(self, count: int) -> tuple[Self, int]:
        """A model of the first `count` layers and the head, with the same weights, and how many layers this one has."""
        return first_layers(self, count)
