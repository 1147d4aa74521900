"""What one greedy token visits, and that models which do not generate load nothing of generation."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

import bestiary
from bestiary.modeling.families import families

SOURCE = Path(bestiary.__file__).parent
JOINT = SOURCE / "modeling" / "heads" / "generating.py"


def visited(function):
    """The files of the package whose code runs in a call of `function`."""
    files = set()

    def note(frame, event, argument):
        files.add(frame.f_code.co_filename)

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return {Path(file).relative_to(SOURCE) for file in files if file.startswith(str(SOURCE))}


def test_one_greedy_token_stays_in_the_core(llama, ids):
    model, _ = llama
    with torch.no_grad():
        model.generate(ids, max_new_tokens=1)  # what is read once is read
        files = visited(lambda: model.generate(ids, max_new_tokens=1))
    inside = {file for file in files if file.parts[0] == "generation"}
    assert not {file for file in inside if file.parts[1] in ("processors", "older", "speculation", "streaming", "watermarks")}
    assert {file for file in inside if file.parts[1] == "strategies"} == {Path("generation/strategies/greedy.py")}
    assert len(inside) <= 20


@pytest.mark.parametrize("family", ["clip", "detr", "resnet", "vit"])
def test_a_vision_family_loads_nothing_of_generation(family):
    assert family in families()
    program = f"import sys, bestiary.models.{family}.model; print([m for m in sys.modules if '.generation' in m])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_one_file_of_modeling_knows_generation():
    knowing = {file for file in (SOURCE / "modeling").rglob("*.py") if "generation." in imports(file)}
    assert knowing == {JOINT}


def imports(file):
    """The import lines of a file."""
    return "\n".join(line for line in file.read_text().splitlines() if line.lstrip().startswith(("from ", "import ")))
