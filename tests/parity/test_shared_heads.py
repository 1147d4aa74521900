"""Every head that families share compiles with its loss in one graph; the modules of a family do in the other files."""

from pathlib import Path

import pytest
import torch
from kit.families import close, matched_in_torch, pair
from kit.shallow import shallow
from kit.shared_code import SHARED_HEADS

from bestiary.modeling import heads

BASES = {"__init__", "generating", "headed", "language"}
"""Files of what several heads are made of."""
MIXTURES = ("mixtral", "switch_transformers")


@pytest.mark.usefixtures("forgetful_compiler")
@pytest.mark.parametrize(("model_type", "name"), SHARED_HEADS)
@torch.no_grad()
def test_forward_and_loss_are_one_graph(model_type: str, name: str) -> None:
    models = pair(model_type, name)
    layers = 1 if model_type in MIXTURES else 0  # the loss of mixtures is that of their layers as well
    labels = matched_in_torch(models.labels)
    model, inputs = shallow(models.ours, layers), {**models.inputs, **labels}
    compiled = torch.compile(model, backend="eager", fullgraph=True)
    output, expected = compiled(**inputs), model(**inputs)
    if labels:
        close(output.loss, expected.loss, "loss")
    close(output[1], expected[1])


def test_every_shared_head_is_compiled() -> None:
    files = {path.stem for path in Path(heads.__path__[0]).glob("*.py")} - BASES
    classes = {type(module) for row in SHARED_HEADS for module in pair(*row).ours.modules()}
    compiled = {base.__module__.rpartition(".")[2] for each in classes for base in each.__mro__}
    assert files <= compiled, f"add a head of {', '.join(sorted(files - compiled))} to SHARED_HEADS"
