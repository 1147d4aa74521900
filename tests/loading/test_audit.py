"""Opening hostile files under an audit hook: nothing is run, imported, called over the network, or written elsewhere."""

import json
import os
import pickle
import struct
import subprocess
import sys

import pytest
import torch

PROGRAM = """
import json, os, sys, warnings
from pathlib import Path
import torch, safetensors.torch, huggingface_hub, pickletools, tempfile
import huggingface_hub.errors, huggingface_hub.file_download
from bestiary.core.errors import BestiaryError
from bestiary.hub.files import HubOptions
from bestiary.loading.checkpoint import Checkpoint
from bestiary.loading.load import LoadPlan, load_weights
from bestiary.placement.device_map import plan_device_map

warnings.simplefilter("ignore")
corpus, target = Path(sys.argv[1]), Path(sys.argv[2])
harmless = target.parent / "warm"
torch.save({"a": torch.ones(1)}, harmless)
torch.load(harmless, weights_only=True, mmap=True)
try:
    Checkpoint.open(corpus / "nothing here")
except BestiaryError:
    pass
seen, armed = [], False
NEVER = ("os.system", "os.exec", "os.posix_spawn", "os.fork", "subprocess.Popen", "pty.spawn", "ctypes.dlopen", "exec",
         "socket.connect", "socket.getaddrinfo", "socket.bind", "os.remove",
         "os.rename", "os.chmod", "os.mkdir", "shutil.rmtree")
OWN = ("torch", "numpy", "encodings", "bestiary", "huggingface_hub")
LIBRARY = tuple(str(Path(p).resolve()) for p in sys.path if p) + (sys.prefix, sys.base_prefix)

def hook(event, args):
    if not armed:
        return
    if event in NEVER:
        seen.append([event, repr(args)[:200]])
    elif event == "import" and args[0].partition(".")[0] not in OWN:
        seen.append([event, args[0]])
    elif event == "open" and isinstance(args[0], (str, bytes)):
        path, mode, flags = os.path.abspath(os.fsdecode(args[0])), str(args[1] or ""), args[2] or 0
        writes = set(mode) & set("wax+") or flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        inside = path.startswith(str(corpus) + os.sep)
        if writes and not path.startswith(str(target)) or not writes and not inside and not path.startswith(LIBRARY):
            seen.append([event, path + " " + mode])

sys.addaudithook(hook)
results = {}
for folder in sorted(corpus.iterdir()):
    armed = True
    try:
        Checkpoint.open(folder)
        results[folder.name] = "opened"
    except BestiaryError as error:
        results[folder.name] = type(error).__name__ + ": " + str(error)
    finally:
        armed = False
before = list(seen)
armed = True  # the hook itself works
exec("1")
open(target.parent / "warm", "a").close()
open("/proc/self/stat").close()
armed = False
print(json.dumps({"seen": before, "control": len(seen) - len(before), "results": results}))
"""


class Call:
    """Calls a named function when unpickled."""

    def __init__(self, function, *args) -> None:
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def safetensors_file(header: bytes, data: bytes = b"") -> bytes:
    return struct.pack("<Q", len(header)) + header + data


@pytest.fixture
def corpus(tmp_path):
    """One folder for each way to attack; `good` opens."""
    root = tmp_path / "corpus"

    def put(case: str, name: str, content: bytes) -> None:
        (root / case).mkdir(parents=True, exist_ok=True)
        (root / case / name).write_bytes(content)

    calls = {
        "system": Call(os.system, f"touch {tmp_path}/ran"),
        "exec": Call(exec, f"open('{tmp_path}/ran', 'w')"),
        "eval": Call(eval, "__import__('antigravity')"),
        "popen": Call(subprocess.Popen, ["touch", f"{tmp_path}/ran"]),
        "import": Call(__import__, "this"),
        "write": Call(open, f"{tmp_path}/ran", "w"),
    }
    for name, call in calls.items():
        (root / f"zip-{name}").mkdir(parents=True)
        torch.save({"a": call}, root / f"zip-{name}" / "pytorch_model.bin")
        (root / f"old-{name}").mkdir()
        torch.save({"a": call}, root / f"old-{name}" / "pytorch_model.bin", _use_new_zipfile_serialization=False)
        put(f"plain-{name}", "pytorch_model.bin", pickle.dumps(call, protocol=2))
        put(f"newer-{name}", "pytorch_model.bin", pickle.dumps(call, protocol=4))
        put(f"disguised-{name}", "model.safetensors", pickle.dumps(call, protocol=4))
    for number, shard in enumerate(["../secret", "/etc/passwd", "a/../../secret", "..\\secret", "~/x", "x" * 300, "a\0b"]):
        index = json.dumps({"weight_map": {"a": shard}}).encode()
        put(f"index-{number}", "model.safetensors.index.json", index)
        put(f"index-bin-{number}", "pytorch_model.bin.index.json", index)
    put("deep-json", "model.safetensors.index.json", b"[" * 200_000)
    put("huge-header", "model.safetensors", struct.pack("<Q", 2**63) + b"{}")
    put("format-string", "model.safetensors", safetensors_file(b'{"{0.__class__}": {"dtype": "F32"}}'))
    put(
        "absurd",
        "model.safetensors",
        safetensors_file(b'{"a":{"dtype":"F64","shape":[9000000000000],"data_offsets":[0,8]}}', b"\0" * 8),
    )
    put("good", "model.safetensors", safetensors_file(b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}', b"\0" * 4))
    return root


def test_nothing_runs(corpus, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    run = [sys.executable, "-c", PROGRAM, str(corpus), str(target)]
    done = subprocess.run(
        run, capture_output=True, text=True, timeout=120, env={**os.environ, "HF_HUB_OFFLINE": "1"}, check=False
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["seen"] == []
    assert found["control"] == 3
    results = found["results"]
    assert results.pop("good") == "opened"
    assert len(results) == len(list(corpus.iterdir())) - 1
    for case, result in results.items():
        expected = ("UnsafeFile", "FileMissing") if case.startswith("index") else ("UnsafeFile", "CorruptFile")
        assert result.startswith(expected), (case, result)
        if case.startswith(("zip-", "old-", "plain-", "newer-")):
            assert result.startswith("UnsafeFile"), (case, result)
    assert not (tmp_path / "ran").exists()
    assert sorted(os.listdir(tmp_path)) == ["corpus", "target", "warm"]
