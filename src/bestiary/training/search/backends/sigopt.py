"""`sigopt`: spaces that are lists of parameters, as that service had them. It is gone; trials are drawn at random here."""

from ..default_spaces import default_hp_space_sigopt
from .random import RandomBackend


class SigOptBackend(RandomBackend):
    """Reads a list of parameters, each a dict; values that are texts become what their argument is."""

    name: str = "sigopt"
    default_space = staticmethod(default_hp_space_sigopt)
