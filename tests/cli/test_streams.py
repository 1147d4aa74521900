"""Text that is not UTF-8, an output that takes none, and what reaches stdout before a failure."""

import json
import os
import subprocess
import sys

import pytest
from kit import checkpoints

LATIN = "café au lait\n".encode("latin1")


def wrong(result: tuple[int, str, str], *parts: str) -> None:
    """Misuse: nothing on stdout, one line on stderr that holds `parts`."""
    code, out, err = result
    assert (code, out) == (2, "")
    [line] = err.splitlines()
    assert line.startswith("bestiary: error: ")
    for part in parts:
        assert part in line


def test_input_that_is_not_utf8(command, tmp_path):
    (tmp_path / "texts").write_bytes(LATIN)
    told = "is not UTF-8 (byte 0xe9 in b'caf\\xe9 au lait\\n'); convert it, for example with iconv -f latin1 -t utf-8"
    for arguments in (["generate"], ["generate", "-"], ["embed", "-m", "x"], ["classify", "-m", "x"]):
        wrong(command(*arguments, stdin=LATIN), f"stdin {told}")
    wrong(command("embed", "-m", "x", "--file", str(tmp_path / "texts")), f"{tmp_path / 'texts'} {told}")
    wrong(command("chat", "-m", str(checkpoints.llama()), stdin=LATIN), f"stdin {told}")


def test_arguments_that_are_not_utf8(command):
    word = os.fsdecode(b"caf\xe9")
    wrong(command("generate", word), "the text to continue: 'caf\\udce9' is not UTF-8")
    wrong(command("embed", "-m", "x", word), "texts: 'caf\\udce9' is not UTF-8")
    wrong(command("chat", "-m", "x", "--system", word), "--system: 'caf\\udce9' is not UTF-8")


def program(*arguments: str, redirect: str = "", **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A command line in a shell of its own, with stdout as `redirect` says."""
    line = ["sh", "-c", f'"$0" -m bestiary "$@" {redirect}', sys.executable, *arguments]
    return subprocess.run(line, env={**os.environ, **environment}, capture_output=True, timeout=120)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_output_in_an_encoding_that_lacks_a_character(encoding):
    prompt = "# 中é"
    done = program("generate", prompt, "-n", "1", "--greedy", PYTHONIOENCODING=encoding)
    assert done.returncode == 0
    shown = {"ascii": b"# \\u4e2d\\xe9", "latin-1": b"# \\u4e2d\xe9", "utf-8": prompt.encode()}[encoding]
    assert done.stdout.startswith(shown)
    lines = [line for line in done.stderr.decode().splitlines() if "stdout takes" in line]
    assert len(lines) == (encoding != "utf-8")
    for line in lines:
        assert "other characters become escapes; PYTHONIOENCODING=utf-8 lets them through" in line


def test_an_argument_in_a_locale_without_utf8():
    done = program("generate", "# é", "-n", "1", "--greedy", LC_ALL="C", PYTHONUTF8="0")
    assert done.returncode == 0
    assert done.stdout.startswith(b"# \\xe9")


def test_json_stays_json():
    folder = str(checkpoints.bert("BertModel"))
    done = program("embed", "-m", folder, "é", PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["text"] == "é"


@pytest.mark.parametrize(
    ("redirect", "code", "told"),
    [
        (">&-", 1, "bestiary: error: stdout is closed, so nothing can be printed; send it to a file, or to /dev/null"),
        (">/dev/full", 1, "bestiary: error: [Errno 28] No space left on device"),
        ("| true; exit $?", 0, ""),
    ],
)
def test_a_stdout_that_cannot_be_written(redirect, code, told):
    done = program("env", redirect=redirect)
    assert (done.returncode, done.stdout) == (code, b"")
    assert done.stderr.decode().splitlines() == ([told] if told else [])


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["generate", "def f", "--regex", "("], 2),
        (["generate", "def f", "--device", "xpu:99"], 2),
        (["generate", "def f", "-n", "100000"], 1),
        (["generate", "def f", "-m", "no-folder/of-this-name"], 2),
    ],
)
def test_nothing_is_printed_before_a_failure(command, arguments, code):
    result = command(*arguments)
    assert (result[0], result[1]) == (code, "")
    assert len(result[2].splitlines()) == 1


def test_missing_files_are_told_before_a_model_is_opened(command, tmp_path):
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    for arguments in (
        ["transcribe", "-m", "x", str(tmp_path / "a.wav"), str(tmp_path / "b.wav")],
        ["embed", "-m", "x", "--file", str(tmp_path / "texts")],
        ["classify", "-m", "x", "--file", str(tmp_path / "texts")],
    ):
        wrong(command(*arguments), f"there is no file {tmp_path}")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion(shell):
    """The shell asks with variables; what it is answered holds the commands and the options of one."""
    asked = {"_BESTIARY_COMPLETE": f"complete_{shell}", "COMP_WORDS": "bestiary gen", "COMP_CWORD": "1"}
    asked |= {"_TYPER_COMPLETE_ARGS": "bestiary gen", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    done = program(**asked)
    assert b"generate" in done.stdout
    asked |= {"COMP_WORDS": "bestiary chat --th", "COMP_CWORD": "2", "_TYPER_COMPLETE_ARGS": "bestiary chat --th"}
    assert b"--threads" in program(**asked).stdout
    assert b"_BESTIARY_COMPLETE" in program("--show-completion", shell, _TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION="1").stdout


def test_short_options(command):
    assert command("-h") == command("--help")
    assert command("generate", "-h") == command("generate", "--help")
    short = command("generate", "def f", "-m", str(checkpoints.llama()), "-n", "3", "--greedy")
    assert short == command("generate", "def f", "--model", str(checkpoints.llama()), "--max-new-tokens", "3", "--greedy")
    assert short[0] == 0


def test_stats_of_generate(command):
    code, out, err = command("generate", "def f", "-n", "3", "--greedy", "--only-new", "--stats")
    assert code == 0
    assert out.strip()
    assert err.splitlines()[-1].startswith("3 tokens, the first after ")
