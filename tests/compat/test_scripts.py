"""Scripts written for the published library run unchanged, and print the same here as there."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from kit import checkpoints

HERE = Path(__file__).parent
SCRIPTS = sorted(path.name for path in (HERE / "scripts").glob("*.py"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """One tiny checkpoint of each kind that the scripts use."""
    root = tmp_path_factory.mktemp("checkpoints")
    (root / "bert").symlink_to(checkpoints.bert("BertModel"))
    (root / "bert_classifier").symlink_to(checkpoints.bert("BertForSequenceClassification", ("bad", "good", "odd")))
    (root / "gpt2").symlink_to(checkpoints.gpt2())
    (root / "llama").symlink_to(checkpoints.llama())
    (root / "t5").symlink_to(checkpoints.t5(dropout_rate=0.0))
    config = transformers.ViTConfig(
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=48,
        image_size=32,
        patch_size=8,
        num_labels=4,
    )
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).save_pretrained(root / "vit")
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(root / "vit")
    return root


def run(*command: str) -> dict[str, str]:
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.fixture(scope="module")
def printed(folder) -> tuple[dict[str, str], dict[str, str]]:
    runner = str(HERE / "run_all.py")
    return run("-m", "bestiary.compat", runner, str(folder)), run(runner, str(folder))


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_script_prints_the_same(script, printed):
    ours, theirs = printed
    assert "Traceback" not in theirs[script], theirs[script]
    assert ours[script] == theirs[script]
