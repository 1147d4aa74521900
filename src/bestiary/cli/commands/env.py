"""`bestiary env`: what is installed, for reports of bugs."""

import os
import platform
from importlib import metadata

from ...core.optional import DISTRIBUTION_OF, EXTRA_OF, available
from .. import console
from ..cores import usable_cores
from ..options import Json

_CORE = ("numpy", "safetensors", "tokenizers", "huggingface_hub", "jinja2")


def run(json: Json = False) -> None:
    """Print versions, devices and optional packages."""
    from ... import __version__

    rows = [
        ("bestiary", __version__),
        ("python", platform.python_version()),
        ("platform", platform.platform()),
        ("processors", str(os.cpu_count())),
        ("usable cores", str(usable_cores())),
        *_torch(),
        *((name, _version(name)) for name in _CORE),
        *((name, _version(name, extra)) for name, extra in EXTRA_OF.items()),
        *_hub(),
    ]
    if json:
        console.write_json(dict(rows))
    else:
        console.table(rows)


def _version(package: str, extra: str = "") -> str:
    if not available(package):
        return "not installed" + (f" (extra: {extra})" if extra else "")
    try:
        return metadata.version(DISTRIBUTION_OF.get(package, package))
    except metadata.PackageNotFoundError:
        return "installed, without a version"


def _torch() -> list[tuple[str, str]]:
    """torch, its build and its devices, or why it cannot be imported: a broken torch is what a report may be about."""
    try:
        import torch
    except (ImportError, OSError) as error:
        return [("torch", f"broken: {error}")]
    devices = [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
    if torch.backends.mps.is_available():
        devices.append("mps")
    return [
        ("torch", torch.__version__),
        ("torch threads", str(torch.get_num_threads())),
        ("cuda of torch", torch.version.cuda or "none"),
        ("devices", ", ".join(["cpu", *devices])),
    ]


def _hub() -> list[tuple[str, str]]:
    from ...hub.options import HubOptions, cache_folder, offline

    return [("hub cache", cache_folder()), ("network", "switched off" if offline(HubOptions()) else "allowed")]
