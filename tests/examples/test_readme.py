"""What README shows runs as it stands there, on tiny checkpoints in the place of those it names."""

import re
import runpy
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from kit import checkpoints

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
EMBEDDED = ROOT / "src" / "bestiary" / "embedded" / "config.json"


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def on_tiny_checkpoints(code: str) -> str:
    """`code` with tiny local folders for the names in it; the embedded model stays what it is where there is one."""
    code = code.replace('"my-checkpoint"', repr(str(checkpoints.bert("BertForSequenceClassification"))))
    return (
        code if EMBEDDED.exists() else code.replace('("text-generation")', f'("text-generation", {str(checkpoints.llama())!r})')
    )


@pytest.mark.filterwarnings("ignore:no model was named")  # README uses the embedded one on purpose
@pytest.mark.parametrize("number", range(len(blocks("python"))))
def test_python(number: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "block.py"
    file.write_text(on_tiny_checkpoints(blocks("python")[number]), encoding="utf-8")
    runpy.run_path(str(file), run_name="__main__")
    assert capsys.readouterr().out.strip()


def commands() -> list[str]:
    """The commands of the blocks for the shell, without those that install or start the tests."""
    lines = [part.partition("#")[0].strip() for block in blocks("sh") for part in re.split(r"\n|&&", block)]
    return [line for line in lines if line and not line.startswith(("pip install", "pytest"))]


@pytest.mark.parametrize("command", commands())
def test_shell(command: str, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "talk.wav", np.sin(np.arange(8000) / 9).astype(np.float32), 16_000)
    (tmp_path / "old_script.py").write_text("import transformers\nprint(transformers.BertConfig.__module__)\n")
    (tmp_path / "texts.txt").write_text("one text is as good as another\n" * 50)
    sizes = "hidden_size: 16, intermediate_size: 16, num_hidden_layers: 1, num_attention_heads: 2"
    (tmp_path / "recipe.yaml").write_text(
        f"task: causal-language-modeling\nmodel: {{model_type: llama, vocab_size: 300, config: {{{sizes}}}}}\n"
        "data: {train_file: texts.txt}\noptions: {block_size: 16}\narguments: {output_dir: out}\n"
    )
    command = command.replace("my-checkpoint", str(checkpoints.llama())).replace("my-whisper", str(checkpoints.whisper()))
    program, *rest = shlex.split(command)
    if rest[0] == "generate":
        rest += ["--max-new-tokens", "8", *([] if EMBEDDED.exists() else ["--model", str(checkpoints.llama())])]
    start = [sys.executable, "-c", "import sys; from bestiary.cli import main; sys.exit(main())"]
    called = [sys.executable, *rest] if program == "python" else [*start, *rest]
    done = subprocess.run(called, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    if program == "python":
        assert done.stdout.startswith("bestiary.")


def test_there_is_something_to_run() -> None:
    assert len(blocks("python")) >= 2
    assert len(commands()) >= 3
