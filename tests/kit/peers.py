"""Libraries that stand on the published one: a script of theirs is run on this library and on the reference, and compared.

A script defines `results(folders, scratch)`: what it computes, name -> tensor, array, number, text, or lists and dicts of
these. `folders` are checkpoints by name (`CHECKPOINTS`), `scratch` is an empty folder.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from . import checkpoints

SCRIPTS = Path(__file__).parents[1] / "compat" / "peers" / "scripts"
UNDISTURBED = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}  # trained without dropout, whose draws differ
CHECKPOINTS: dict[str, Callable[[], Path]] = {
    "bert": lambda: checkpoints.bert("BertModel", **UNDISTURBED),
    "masked": lambda: checkpoints.bert("BertForMaskedLM"),
    "classes": lambda: checkpoints.bert("BertForSequenceClassification", ("no", "maybe", "yes")),
    "score": lambda: checkpoints.bert("BertForSequenceClassification", ("score",)),
    "tokens": lambda: checkpoints.bert("BertForTokenClassification", ("a", "b")),
    "llama": checkpoints.llama,
    "gpt2": checkpoints.gpt2,
    "t5": checkpoints.t5,
    "clip": checkpoints.clip,
    "vit": lambda: checkpoints.vit("ViTForImageClassification"),
}
DRIVER = """
import json, runpy, sys
from pathlib import Path
script, library, folders, scratch = sys.argv[1:]
if library == "ours":
    import bestiary.compat
    bestiary.compat.install()
import transformers, torch
assert ("bestiary" in Path(transformers.__file__).parts) == (library == "ours"), transformers.__file__
torch.save(runpy.run_path(script)["results"](json.loads(folders), Path(scratch)), Path(scratch) / "results.pt")
"""


def results(script: str, names: tuple[str, ...], scratch: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a script computes over the checkpoints `names`, on this library and on the reference, side by side."""
    folders = json.dumps({name: str(CHECKPOINTS[name]()) for name in names})
    running = {}
    for library in ("ours", "reference"):
        (scratch / library).mkdir()
        command = [sys.executable, "-c", DRIVER, str(SCRIPTS / f"{script}.py"), library, folders, str(scratch / library)]
        running[library] = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    told = {library: process.communicate(timeout=500)[0] for library, process in running.items()}
    for library, process in running.items():
        assert process.returncode == 0, f"{script} on {library}:\n{told[library]}"
    ours, theirs = (torch.load(scratch / library / "results.pt", weights_only=False) for library in running)
    return ours, theirs


def differences(ours: Any, theirs: Any, path: str = "", tolerance: float = 1e-5) -> Iterator[str]:
    """Where two results differ, in words; numbers by more than `tolerance`."""
    if isinstance(theirs, Mapping):
        if set(ours) != set(theirs):
            yield f"{path} has {sorted(ours)}, there {sorted(theirs)}"
        for name in theirs.keys() & ours.keys():
            yield from differences(ours[name], theirs[name], f"{path}/{name}", tolerance)
    elif isinstance(theirs, torch.Tensor | np.ndarray):
        a, b = torch.as_tensor(ours), torch.as_tensor(theirs)
        if (a.shape, a.dtype) != (b.shape, b.dtype):
            yield f"{path} is {tuple(a.shape)} of {a.dtype}, there {tuple(b.shape)} of {b.dtype}"
        elif not torch.allclose(a.double(), b.double(), rtol=tolerance, atol=tolerance):
            yield f"{path} differs by {(a.double() - b.double()).abs().max():.2e}"
    elif isinstance(theirs, list | tuple) and len(ours) == len(theirs):
        for number, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            yield from differences(a, b, f"{path}/{number}", tolerance)
    elif isinstance(theirs, float):
        if not np.isclose(ours, theirs, rtol=tolerance, atol=tolerance):
            yield f"{path} is {ours}, there {theirs}"
    elif ours != theirs:
        yield f"{path} is {ours!r:.200}, there {theirs!r:.200}"
