"""Everything that a benchmark can be refused for is looked for before anything is measured."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..auto import AutoConfig
from ..core.errors import ArgumentError, CapacityError, FileMissing, SaveError
from ..core.sizes import show_size
from ..hub.options import HubOptions
from ..loading.headers import main_dtype, read_headers
from ..placement.device_map import check_available
from ..placement.free_memory import free_memory
from ..planner.plan import MemoryPlan, plan_memory
from ..planner.workload import Workload
from ..quantization.config import settings_of
from .combination import BITS, Combination, Job, combinations
from .picture import check_name


def prepared(
    model: str,
    dtypes: Sequence[str],
    quantizations: Sequence[str],
    attentions: Sequence[str],
    batches: Sequence[int],
    lengths: Sequence[int],
    *,
    new_tokens: int,
    class_name: str | None,
    device: str,
    trains: bool,
    threads: int | None,
    csv: Path | None = None,
    picture: Path | None = None,
    limit: int | None = None,
    hub: dict[str, Any] | None = None,
    tell: Callable[[str, MemoryPlan, int], None] = lambda *_: None,
) -> tuple[Job, list[Combination]]:
    """The job and the combinations that are to be measured.

    Args:
        limit: bytes that are allowed; by default those that are free on the device.
        tell: is told the forecast of each combination.

    Raises:
        ArgumentError, InputError, ConfigError: a setting that is not there, or not for this model.
        FileMissing, CorruptFile, HubError: the model cannot be had. CapacityError: more memory is needed than there is.
        SaveError: a file could not be written where it is wanted.
    """
    for path in (csv, picture):
        if path is not None and not os.access(path.parent, os.W_OK):
            raise SaveError(f"{path} cannot be written: {path.parent} is no folder that may be written to")
    if picture is not None:
        check_name(picture)
    where, hub = check_available(device), hub or {}
    config = AutoConfig.from_pretrained(model, **hub)
    try:
        headers: Any = read_headers(model, HubOptions.split(dict(hub))[0])
    except FileMissing:
        headers = {}
    usual = config.dtype or (main_dtype(headers) if headers else torch.float32)
    chosen = combinations(
        dtypes or [str(usual).removeprefix("torch.")], quantizations or ["none"], attentions or ["default"], batches, lengths
    )
    if config.get("quantization_config") is not None:
        method = settings_of(config.quantization_config).quant_method.value
        chosen = [replace(each, stored=method) for each in chosen]
    if not headers and any(each.quantization != "none" for each in chosen):
        raise ArgumentError(f"{model} has no weights, and random ones are made at full precision; save a model to quantize it")
    job = Job(model, chosen[0], not headers, class_name, new_tokens, 3, threads, device, trains, hub=hub)
    allowed = free_memory(where) if limit is None else limit
    for each in chosen:
        plan = plan_memory(
            config, Workload(each.batch, each.length, new_tokens), dtype=each.dtype, class_name=class_name, headers=headers,
            bits=BITS[each.quantization],
            attention=None if each.attention == "default" else each.attention, training=trains, device="cpu",
        )  # fmt: skip
        need = max(plan.load.peak, plan.training.total if plan.training else plan.run_peak)
        tell(each.name, plan, need)
        if need > allowed:
            raise CapacityError(
                f"{each.name} needs about {show_size(need)} and {show_size(allowed)} are "
                f"{'free' if limit is None else 'allowed'}: fewer rows, shorter ones or a smaller dtype take less"
            )
    return job, chosen
