"""What it costs to find a class by name in a copy of the library with 7 families and in one with 300.

Each search runs in a process of its own, the small copy and the large one in turn. Time is the processor's, the shortest of
all turns, so that what else the machine does counts less. It holds the import of what the search needs, but not that of
torch, which comes before.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from measuring import Options, Row, compare

ROOT = Path(__file__).resolve().parent.parent
FAMILIES = ("bert", "clip", "gpt2", "llama", "t5", "vit", "whisper")
FEW, MANY = len(FAMILIES), 300
# Families that need nothing outside of their folder under a name of their own, and how their classes begin.
PREFIXES = {"bert": "Bert", "clip": "CLIP", "gpt2": "GPT2", "llama": "Llama", "t5": "T5", "vit": "ViT"}

FIND = "from bestiary.modeling.families import class_named, type_of_class"
OPEN = "from bestiary.auto import AutoConfig, AutoImageProcessor, AutoTokenizer"
TRIED = "try:\n    {}\nexcept ValueError:\n    pass"
# what is measured -> (statements that run before, the statements whose time counts)
SEARCHES = {
    "import bestiary": ("pass", "import bestiary"),
    "from bestiary import BertConfig": ("pass", "from bestiary import BertConfig"),
    "from bestiary import BertModel": ("import torch", "from bestiary import BertModel"),
    "config of a model_type": ("pass", f"{OPEN}\nAutoConfig.for_model('vit')"),
    "config of a part's model_type": ("pass", f"{OPEN}\nAutoConfig.for_model('clip_vision_model')"),
    "a model_type that nobody has": ("pass", f"{OPEN}\n" + TRIED.format("AutoConfig.for_model('vitt')")),
    "an old config without model_type": ("pass", f"{OPEN}\nAutoConfig.from_pretrained('old')"),
    "AutoTokenizer, tokenizer.json": ("import torch", f"{OPEN}\nAutoTokenizer.from_pretrained('text')"),
    "AutoImageProcessor": ("import torch", f"{OPEN}\nAutoImageProcessor.from_pretrained('image')"),
    "model_type of a model class": ("pass", f"{FIND}\ntype_of_class('WhisperForCausalLM')"),
    "model_type of a class that nobody has": ("pass", f"{FIND}\ntype_of_class('NoSuchModel')"),
    "a class by name": ("import torch", f"{FIND}\nclass_named('ViTImageProcessor')"),
    "a class that nobody has": ("pass", f"{FIND}\nclass_named('NoSuchModel')"),
    "1000 further searches for a class that nobody has": (
        f"{FIND}\nclass_named('NoSuchModel')",
        "for _ in range(1000):\n    class_named('NoSuchModel'), type_of_class('NoSuchModel')",
    ),
}


def copy_with(count: int, folder: Path) -> Path:
    """A copy of the library in `folder` with `count` families, ours and copies of ours under other names, in its lists."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", folder / "src", ignore=ignored)
    shutil.copytree(ROOT / "scripts", folder / "scripts", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    (folder / "docs").mkdir()
    shutil.copy(ROOT / "docs" / "families.md", folder / "docs")
    models = folder / "src" / "bestiary" / "models"
    for path in models.iterdir():
        if path.is_dir() and path.name not in FAMILIES:
            shutil.rmtree(path)
    for number in range(FEW, count):
        add_family(models, list(PREFIXES)[number % len(PREFIXES)], f"relative{number:03}")
    environment = {**os.environ, "PYTHONPATH": str(folder / "src")}
    subprocess.run(
        [sys.executable, "scripts/write_family_lists.py"], cwd=folder, env=environment, check=True, capture_output=True
    )
    return folder


def add_family(models: Path, like: str, name: str) -> None:
    """The family `like` once more as `name`, with its own class names and model types."""
    shutil.copytree(models / like, models / name, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (models / name).rglob("*.py"):
        text = re.sub(rf"\b{PREFIXES[like]}(?=[A-Z])", name.title(), path.read_text(encoding="utf-8"))
        path.write_text(re.sub(rf'"{like}(_\w+)?"', rf'"{name}\1"', text), encoding="utf-8")


def checkpoints(folder: Path) -> None:
    """Three folders: an old config, a tokenizer whose class is any, settings of an image processor."""
    files = {
        "old/config.json": {"architectures": ["BertForMaskedLM"]},
        "text/config.json": {"model_type": "llama"},
        "text/tokenizer_config.json": {"tokenizer_class": "PreTrainedTokenizerFast"},
        "text/tokenizer.json": {"model": {"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}},
        "image/preprocessor_config.json": {"image_processor_type": "ViTImageProcessor"},
    }
    for name, values in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(values))


def seconds(folder: Path, before: str, statements: str) -> float:
    """Seconds of the processor's time that `statements` take in a new process in which `before` has run."""
    code = f"{before}\nfrom time import process_time\nstart = process_time()\n{statements}\nprint(process_time() - start)"
    environment = {**os.environ, "PYTHONPATH": str(folder / "src"), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-W", "ignore", "-c", code]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)


def measure(options: Options) -> list[Row]:
    """Every search with 300 families against the same with 7; at most 1.1 times as long."""
    with tempfile.TemporaryDirectory() as temporary:
        folders = [copy_with(count, Path(temporary) / str(count)) for count in (MANY, FEW)]
        for folder in folders:
            checkpoints(folder)
        rows = []
        for what, (before, statements) in SEARCHES.items():
            taken: list[list[float]] = [[], []]
            for turn in range(3 * options.turns + 1):
                for times, folder in zip(taken, folders, strict=True):
                    time = seconds(folder, before, statements)
                    if turn:  # the first turn writes the bytecode
                        times.append(time)
            rows.append(compare(what, min(taken[0]), min(taken[1]), "s", beside=f"{FEW} families", at_most=1.1))
    return rows
