"""Libraries that stand on the published one: a script of theirs is run on this library and on the reference, and compared.

A script defines `results(folders, scratch)`: what it computes, name -> tensor, array, number, text, or lists and dicts of
these. `folders` are checkpoints by name (`CHECKPOINTS`), `scratch` is an empty folder.
"""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
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
    "answers": lambda: checkpoints.bert("BertForQuestionAnswering", **UNDISTURBED),
    "llama": checkpoints.llama,
    "gpt2": checkpoints.gpt2,
    "t5": checkpoints.t5,
    "clip": checkpoints.clip,
    "vit": lambda: checkpoints.vit("ViTForImageClassification"),
}
DRIVER = """
import gc, json, os, runpy, sys, traceback
from pathlib import Path
if sys.argv[1] == "ours":
    import bestiary.compat
    bestiary.compat.install()
import accelerate, datasets, peft, sentence_transformers, torch, transformers
assert ("bestiary" in Path(transformers.__file__).parts) == (sys.argv[1] == "ours"), transformers.__file__

def compute(script, folders, scratch):
    try:
        with open(os.path.join(scratch, "told"), "w") as told:
            os.dup2(told.fileno(), 1)
            os.dup2(told.fileno(), 2)
        torch.save(runpy.run_path(script)["results"](folders, Path(scratch)), Path(scratch) / "results.pt")
        return 0
    except BaseException:
        traceback.print_exc()
        return 1
    finally:
        sys.stdout.flush()
        sys.stderr.flush()

gc.freeze()  # children share what is here, and no collector writes into it
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os._exit(compute(*json.loads(line)))
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""


@contextmanager
def library(name: str) -> Iterator[subprocess.Popen[str]]:
    """A process with one of the libraries and all that stands on it, which are seconds to import.

    It runs each script in a child of its own, so that none sees another's traces.
    """
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", DRIVER, name], text=True, **pipes) as process:
        yield process  # the end of its input ends it


def results(
    libraries: Mapping[str, subprocess.Popen[str]], script: str, names: tuple[str, ...], scratch: Path
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a script computes over the checkpoints `names`, on this library and on the reference, side by side."""
    folders = {name: str(CHECKPOINTS[name]()) for name in names}
    for name, process in libraries.items():
        (scratch / name).mkdir()
        assert process.stdin is not None
        process.stdin.write(json.dumps([str(SCRIPTS / f"{script}.py"), folders, str(scratch / name)]) + "\n")
        process.stdin.flush()
    ended = {name: process.stdout.readline() for name, process in libraries.items()}  # type: ignore[union-attr]
    for name, code in ended.items():
        assert code == "0\n", f"{script} on {name}:\n{told(scratch / name)}"
    ours, theirs = (torch.load(scratch / name / "results.pt", weights_only=False) for name in libraries)
    return ours, theirs


def told(scratch: Path) -> str:
    """What a script wrote to the terminal."""
    return (scratch / "told").read_text() if (scratch / "told").exists() else "the libraries cannot be imported"


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
