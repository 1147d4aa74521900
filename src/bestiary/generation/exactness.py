"""`generate(reproducible=True)`: which calls can keep that promise."""

from typing import Any

from ..core.errors import ArgumentError
from ..nn.reproducible import reproducible
from .model import GeneratingModel


def exactly(model: GeneratingModel, keywords: dict[str, Any]) -> reproducible:
    """The scope in which a generation of `model` gives each row the same bits in any company.

    Args:
        keywords: of the call; steps are not compiled, which would choose other kernels.

    Raises:
        ArgumentError: compiling is asked for, or the model attends to a window, which moves with the passes.
    """
    window = model.config.get_text_config(decoder=True).get("sliding_window")
    if window:
        raise ArgumentError(f"reproducible=True and sliding_window={window} exclude each other: a window moves with the passes")
    if keywords.get("compile_config") is not None:
        raise ArgumentError("reproducible=True and compile_config exclude each other: what is compiled rounds otherwise")
    keywords["disable_compile"] = True
    return reproducible()
