"""Every command on tiny checkpoints: what it prints, and that misuse and failures are one line with the right exit code."""

import io
import json
import subprocess
import sys
import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from kit import checkpoints

import bestiary
from bestiary.cli import main
from bestiary.core import plugins


def wrong(result: tuple[int, str, str], code: int, *said: str) -> None:
    """One line on stderr, nothing on stdout, the exit code, and what the line holds."""
    assert result[0] == code
    assert result[1] == ""
    [line] = result[2].splitlines()
    assert line.startswith("bestiary: error: ")
    for part in said:
        assert part in line


def test_generate_prints_what_the_pipeline_gives(command):
    folder = str(checkpoints.llama())
    tokenizer = bestiary.AutoTokenizer.from_pretrained(folder)
    model = bestiary.AutoModelForCausalLM.from_pretrained(folder)
    ids = model.generate(**tokenizer("Hello world", return_tensors="pt"), max_new_tokens=8, do_sample=False)
    text = tokenizer.decode(ids[0], skip_special_tokens=True)
    greedy = ("--model", folder, "--max-new-tokens", "8", "--greedy")
    assert command("generate", "Hello world", *greedy) == (0, text + "\n", "")
    assert command("generate", "-", *greedy, "--only-new", stdin="Hello world")[1] == text.removeprefix("Hello world") + "\n"


def test_generate_draws_repeatably_and_stops(command):
    folder = str(checkpoints.llama())
    draw = ("generate", "Hello", "--model", folder, "--max-new-tokens", "12", "--temperature", "1.5", "--top-k", "50")
    one, two, three = (command(*draw, "--seed", seed)[1] for seed in ("1", "1", "2"))
    assert one == two != three
    stopped = command(*draw, "--seed", "1", "--only-new", "--stop", "e", "--stop", "o")
    new, short = one.removeprefix("Hello").removesuffix("\n"), stopped[1].removesuffix("\n")
    assert new.startswith(short)
    assert len(short) < len(new)
    assert {"e", "o"} & set(short)


def test_without_a_length_as_much_as_fits(command):
    folder = str(checkpoints.llama())  # a context of 256
    code, out, err = command("generate", "Hello world", "--model", folder, "--greedy", "--only-new")
    assert (code, err) == (0, "")
    assert len(out) > 100
    code, out, err = command("generate", "Hello world " * 200, "--model", folder)
    assert (code, out) == (1, "")
    assert "leave no room" in err.splitlines()[-1]
    assert command("chat", "--model", folder, "--greedy", stdin="Hello\n")[0] == 0


def test_generate_with_an_encoder_decoder(command):
    code, out, err = command("generate", "Hello world", "--model", str(checkpoints.t5()), "--max-new-tokens", "4", "--greedy")
    assert (code, err) == (0, "")
    assert not out.startswith("Hello world")


def test_chat_answers_each_line(command, monkeypatch):
    folder = str(checkpoints.llama())
    seen = []
    original = bestiary.TextGenerationPipeline.preprocess

    def spy(self: Any, chat: Any, **options: Any) -> Any:
        seen.append([dict(message) for message in chat])
        return original(self, chat, **options)

    monkeypatch.setattr(bestiary.TextGenerationPipeline, "preprocess", spy)
    talk = ("chat", "--model", folder, "--max-new-tokens", "4", "--greedy", "--system", "Be kind.")
    code, out, err = command(*talk, stdin="Hello\nWho are you?\n/reset\nHello\n/exit\nnever\n")
    assert (code, err) == (0, "")
    assert [[message["role"] for message in chat] for chat in seen] == [
        ["system", "user"],
        ["system", "user", "assistant", "user"],
        ["system", "user"],
    ]
    assert seen[0] == seen[2]
    assert out.startswith(seen[1][2]["content"] + "\n")


def test_chat_needs_a_template(command, tmp_path):
    folder = checkpoints.llama()
    for path in folder.iterdir():
        if not path.name.startswith("chat_template"):
            (tmp_path / path.name).write_bytes(path.read_bytes())
    settings = json.loads((tmp_path / "tokenizer_config.json").read_text())
    settings.pop("chat_template", None)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps(settings))
    wrong(command("chat", "--model", str(tmp_path), stdin="Hello\n"), 1, "has no chat template", "bestiary generate")


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_embed_gives_the_pipeline_s_vectors(command, tmp_path, pooling):
    folder = str(checkpoints.bert("BertModel"))
    texts = ["Hello world", "A good film, in spite of its length."]
    pipe = bestiary.pipeline("feature-extraction", model=folder)
    expected = [pipe(text, pool=pooling, return_tensors=True)[0].tolist() for text in texts]
    (tmp_path / "texts").write_text("\n".join(texts))
    options = ("embed", "--model", folder, "--pooling", pooling)
    for given, stdin in (
        (texts, ""),
        (["--file", str(tmp_path / "texts")], ""),
        ([], "\n\n".join(texts)),
        (["-"], "\n".join(texts)),
    ):
        code, out, err = command(*options, *given, stdin=stdin)
        assert (code, err) == (0, "")
        rows = [json.loads(line) for line in out.splitlines()]
        assert [row["text"] for row in rows] == texts
        np.testing.assert_allclose([row["embedding"] for row in rows], expected, atol=1e-5)
    rows = [json.loads(line)["embedding"] for line in command(*options, "--normalize", *texts)[1].splitlines()]
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1.0, atol=1e-5)


def test_classify_texts(command):
    folder = str(checkpoints.bert("BertForSequenceClassification", ("bad", "good", "odd")))
    [[best, *_]] = [bestiary.pipeline("text-classification", model=folder)(["Hello world"], top_k=3)]
    code, out, err = command("classify", "Hello world", "--model", folder, "--top-k", "3")
    assert (code, err) == (0, "")
    rows = [line.split("\t") for line in out.splitlines()]
    assert rows == [["Hello world", entry["label"], f"{entry['score']:.4f}"] for entry in best]
    code, out, _ = command("classify", "--json", "--model", folder, stdin="Hello world\nHello\n")
    assert [json.loads(line)["input"] for line in out.splitlines()] == ["Hello world", "Hello"]


def test_classify_with_labels_of_one_s_own(command):
    folder = str(checkpoints.bert("BertForSequenceClassification", ("contradiction", "neutral", "entailment")))
    code, out, err = command("classify", "Hello", "--model", folder, "--label", "sport", "--label", "art", "--top-k", "2")
    assert (code, err) == (0, "")
    assert {line.split("\t")[1] for line in out.splitlines()} == {"sport", "art"}


def test_classify_images(command, tmp_path):
    import torch
    import transformers
    from PIL import Image

    sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 4, "intermediate_size": 48}
    config = transformers.ViTConfig(**sizes, image_size=32, patch_size=8, num_labels=3)
    torch.manual_seed(0)
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path)
    transformers.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(tmp_path)
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(tmp_path / "picture.png")
    expected = bestiary.pipeline("image-classification", model=str(tmp_path))(str(tmp_path / "picture.png"), top_k=2)
    code, out, err = command("classify", str(tmp_path / "picture.png"), "--model", str(tmp_path), "--top-k", "2")
    assert (code, err) == (0, "")
    assert [line.split("\t")[1:] for line in out.splitlines()] == [[e["label"], f"{e['score']:.4f}"] for e in expected]


def test_transcribe_shows_what_the_pipeline_gives(command, tmp_path, monkeypatch):
    """The pipeline itself is tested elsewhere; here its answers are put in."""
    calls = []

    class Stand:
        def __call__(self, file: str, **options: Any) -> dict[str, Any]:
            calls.append((Path(file).name, options))
            chunks = [{"text": " Hello", "timestamp": (0.0, 1.5)}, {"text": " world", "timestamp": (1.5, None)}]
            return {"text": " Hello world", **({"chunks": chunks} if "return_timestamps" in options else {})}

    monkeypatch.setattr("bestiary.cli.options.Opening.pipeline", lambda self, task: Stand())
    for name in ("a.wav", "b.wav"):
        with wave.open(str(tmp_path / name), "wb") as file:
            file.setparams((1, 2, 16000, 0, "NONE", ""))
            file.writeframes(bytes(320))
    first, second = str(tmp_path / "a.wav"), str(tmp_path / "b.wav")
    assert command("transcribe", first, "--model", "x") == (0, "Hello world\n", "")
    assert command("transcribe", first, second, "--model", "x")[1] == f"{first}:\nHello world\n{second}:\nHello world\n"
    timed = command("transcribe", first, "--model", "x", "--timestamps", "segment", "--language", "en", "--task", "translate")
    assert timed[1] == "[0.00 -> 1.50] Hello\n[1.50 -> ?] world\n"
    assert calls[-1] == ("a.wav", {"return_timestamps": True, "generate_kwargs": {"language": "en", "task": "translate"}})
    [line] = command("transcribe", first, "--model", "x", "--timestamps", "word", "--json")[1].splitlines()
    assert json.loads(line)["chunks"][1]["timestamp"] == [1.5, None]
    assert calls[-1][1] == {"return_timestamps": "word"}
    wrong(command("transcribe", str(tmp_path / "none.wav"), "--model", "x"), 2, "there is no file")


@pytest.mark.parametrize("times", ["none", "segment", "word"])
def test_transcribe_a_recording(command, tmp_path, times):
    folder, path = str(checkpoints.whisper(0)), tmp_path / "a.wav"
    samples = np.random.default_rng(0).integers(-9000, 9000, 20000, dtype=np.int16)
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    options = {"none": {}, "segment": {"return_timestamps": True}, "word": {"return_timestamps": "word"}}[times]
    call = {**options, "generate_kwargs": {"language": "en", "task": "transcribe"}}
    expected = bestiary.pipeline("automatic-speech-recognition", model=folder)(str(path), **call)
    spoken = ("--language", "en", "--task", "transcribe", "--timestamps", times, "--json")
    code, out, _ = command("transcribe", str(path), "--model", folder, *spoken)
    assert code == 0
    found = json.loads(out)
    assert found["text"] == expected["text"]
    assert ("chunks" in found) == (times != "none")
    assert len(found.get("chunks", ())) == len(expected.get("chunks", ()))


@pytest.mark.parametrize("name", ["llama", "t5", "bert"])
def test_inspect(command, name):
    make = {"llama": checkpoints.llama, "t5": checkpoints.t5, "bert": lambda: checkpoints.bert("BertModel")}[name]
    folder = make()
    model = bestiary.AutoModel.from_pretrained(folder, output_loading_info=False)
    code, out, err = command("inspect", str(folder), "--json", "--tensors", "--batch", "2", "--dtype", "bfloat16")
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["model_type"] == name
    assert found["weights"] == 2 * found["parameters"]
    assert found["parameters"] >= model.num_parameters()
    assert (found["cache"] > 0) == (name != "bert")
    assert len(found["tensors"]) >= len(list(model.parameters()))
    plain = dict(line.split("\t")[:2] for line in command("inspect", str(folder))[1].splitlines())
    assert plain["model_type"] == name
    assert plain["parameters"] == f"{found['parameters']:,}"


def test_inspect_of_what_is_unknown_or_too_large(command, tmp_path):
    folder = checkpoints.llama()
    (tmp_path / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    (tmp_path / "config.json").write_text('{"model_type": "lama"}')
    code, out, err = command("inspect", str(tmp_path))
    assert (code, err) == (0, "")
    assert "unknown model_type 'lama'. Did you mean 'llama'?" in out
    assert command("inspect", str(tmp_path / "model.safetensors"))[0] == 0
    code, _, err = command("inspect", str(folder), "--memory", "100KB")
    assert code == 1
    assert "100.00 KB are allowed" in err


def test_env(command):
    code, out, err = command("env")
    assert (code, err) == (0, "")
    rows = dict(line.split("\t") for line in out.splitlines())
    assert rows["bestiary"] == bestiary.__version__
    assert {"python", "torch", "devices", "PIL", "accelerate"} <= rows.keys()
    assert json.loads(command("env", "--json")[1]) == rows


def test_env_of_threads(command, monkeypatch):
    monkeypatch.setattr("bestiary.cli.commands.env.affinity", lambda: {0, 1, 2, 7})
    monkeypatch.setattr("bestiary.cli.commands.env.cgroup_quota", lambda: 1.5)
    monkeypatch.setattr("bestiary.cli.commands.env.usable_cores", lambda: 1)
    monkeypatch.setenv("OMP_PROC_BIND", "close")
    code, out, err = command("env", "--threads")
    assert (code, err) == (0, "")
    rows = dict(line.split("\t") for line in out.splitlines())
    assert rows["processors of this process"] == "0-2, 7"
    assert rows["limit of the container"] == "1.5 cores"
    assert rows["threads of torch"] == str(torch.get_num_threads())
    assert rows["threads of the commands"].startswith("1,")
    assert rows["OMP_PROC_BIND"] == "close"
    assert json.loads(command("env", "--threads", "--json")[1]) == rows


def test_env_of_kernels(command, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv("BESTIARY_NATIVE_KERNELS", "off")
    code, out, err = command("env", "--kernels")
    assert (code, err) == (0, "")
    assert "C kernels\tnone: switched off by BESTIARY_NATIVE_KERNELS" in out
    rows = [line.split("\t") for line in out.splitlines()[2:]]
    assert {(row[0], row[2]) for row in rows if row[1] == "1"} >= {("int8", "torch *"), ("int4", "torch *")}
    shown = json.loads(command("env", "--kernels", "--json")[1])
    assert len(shown["speeds"]) == len(rows)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["genrate", "x"], ["there is no command 'genrate'. Did you mean 'generate'?", "bestiary --help"]),
        (["generate"], ["give the text to continue", "bestiary generate --help"]),
        (["generate", "x", "--temprature", "1"], ["--temprature", "--temperature"]),
        (["generate", "x", "--top-p", "2"], ["--top-p", "less than or equal to 1"]),
        (["generate", "x", "--greedy", "--top-k", "5"], ["--greedy", "--top-k"]),
        (["generate", "x", "--dtype", "int8"], ["--dtype", "int8"]),
        (["generate", "x", "--regex", "a", "--json-schema", "{}"], ["--regex", "--json-schema"]),
        (["generate", "x", "--json-schema", "nowhere.json"], ["--json-schema", "neither a file nor JSON"]),
        (["generate", "x", "-m", "nowhere", "--regex", "(a"], ["--regex: the constraint", "unclosed group"]),
        (["generate", "x", "-m", "nowhere", "--json-schema", '{"type": "txt"}'], ["--json-schema: the constraint", "txt"]),
        (["embed", "x"], ["--model"]),
        (["chat"], ["--model", "made for chats", "bestiary generate"]),
        (["embed", "--model", "x", "--file", "y", "z"], ["--file", "not both"]),
        (["embed", "--model", "x"], ["nothing but empty lines"]),
        (["inspect", "x", "--memory", "3"], ["--memory", "'3' is not a size"]),
        (["transcribe", "--model", "x"], ["Missing argument"]),
        (["--verson"], ["--verson"]),
    ],
)
def test_misuse(command, arguments, said):
    wrong(command(*arguments), 2, *said)


def test_failures(command, tmp_path):
    wrong(command("generate", "x", "--model", str(tmp_path / "none")), 2, "does not exist")
    (tmp_path / "config.json").write_text("{")
    wrong(command("generate", "x", "--model", str(tmp_path)), 1, "is not valid JSON")
    code, _, err = command("generate", "x", "--debug", "--model", str(tmp_path))
    assert code == 1
    assert err.startswith("Traceback")


def test_help_and_version(command):
    assert command("--version") == (0, f"bestiary {bestiary.__version__}\n", "")
    for arguments in ([], ["--help"]):
        code, out, _ = command(*arguments)
        assert code == 0
        for name in plugins.names("bestiary.cli.commands"):
            assert f"  {name} " in out
    for name in plugins.names("bestiary.cli.commands"):
        assert "Usage: bestiary " + name in command(name, "--help")[1]


def test_help_imports_neither_torch_nor_rich():
    code = (
        "import sys\nfrom bestiary.cli import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit as ended:\n    assert not ended.code\n"
        "assert not {'torch', 'numpy', 'rich.table', 'rich.markdown'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_ctrl_c_ends_with_130(monkeypatch, capsys):
    class Interrupted(io.BytesIO):
        def readline(self, *_: Any) -> bytes:
            raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(Interrupted()))
    monkeypatch.setattr("warnings.showwarning", None)
    with pytest.raises(SystemExit) as ended:
        main(["generate", "-"])
    assert ended.value.code == 130
    assert "Traceback" not in capsys.readouterr().err


def test_without_the_extra(command, monkeypatch):
    monkeypatch.setitem(sys.modules, "typer", None)
    monkeypatch.setattr("bestiary.core.optional.available", lambda package: False)
    wrong(
        command("env"), 1, "needs the package 'typer'", "pip install typer, or, in a checkout of bestiary, pip install '.[cli]'"
    )


def test_classify_with_a_model_that_classifies_nothing(command):
    for folder, task in ((checkpoints.gpt2(), "text-generation"), (checkpoints.bert("BertModel"), "feature-extraction")):
        result = command("classify", "Hello", "--model", str(folder))
        wrong(result, 2, "--model", f"is a model for {task}, which classifies no texts and no images")


def test_a_device_that_is_not_there(command):
    wrong(command("generate", "Hello", "--device", "xpu:99"), 2, "device 'xpu:99' is not there: this machine has")


@pytest.mark.parametrize("module", ["bestiary", "bestiary.cli"])
def test_the_package_runs_as_a_module(module):
    done = [
        subprocess.run([sys.executable, "-m", module, *line], capture_output=True, text=True, timeout=120, check=False)
        for line in (["--version"], ["generat"])
    ]
    assert (done[0].returncode, done[0].stdout) == (0, f"bestiary {bestiary.__version__}\n")
    assert done[1].returncode == 2
    assert done[1].stderr.startswith("bestiary: error: there is no command 'generat'. Did you mean 'generate'?")


def test_report(command, tmp_path):
    (tmp_path / "trainer_state.json").write_text(json.dumps({"log_history": [{"loss": 1.0, "step": 1}]}))
    page = tmp_path / "page.html"
    assert command("report", str(tmp_path), "--out", str(page)) == (0, f"{page}\n", "")
    assert "<svg" in page.read_text()
    wrong(command("report", str(tmp_path / "none")), 2, "is not there", "trainer_state.json")
