"""One measurement in this process, which does nothing else (`main`)."""

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from ..auto import AutoConfig, AutoModelForCausalLM
from ..core.memory import forget_peak, memory_now
from ..planner.example_inputs import example_inputs, prompt_of
from ..planner.skeletons import class_of
from .combination import Combination, Job

_PAGE = 4096


def measure(job: Job) -> dict[str, Any]:
    """Seconds and bytes of a job.

    Returns:
        load_s: until the model is there and each weight has been read. load_peak, peak: the most memory, of loading and of
        all, beside what the program itself (Python, torch, its kernels) takes, which is `program`. weights: the model's bytes.
        Of models that generate first_token_s (the prompt is read and a token chosen), prefill_tokens_per_s and
        decode_tokens_per_s, of all rows together; of others forward_s and rows_per_s; of training step_s.
    """
    device = torch.device(job.device)
    if job.threads:
        torch.set_num_threads(job.threads)
    config = AutoConfig.from_pretrained(job.model, **job.hub)
    kind = class_of(config, job.class_name)
    warm_up(device, floats=(torch.float32, getattr(torch, job.combination.dtype)))
    if kind.can_generate() and not (job.trains or job.forwards):
        _generate_once()
    gc.collect()
    forget_peak(device)
    program = memory_now(device)
    model, load_s = _opened(kind, config, job, device)
    numbers: dict[str, Any] = {"load_s": load_s, "load_peak": memory_now(device, highest=True) - program, "program": program}
    numbers["weights"] = model.get_memory_footprint()
    forget_peak(device)
    inputs = example_inputs(model, job.combination.batch, job.combination.length)
    inputs = {name: value.to(device, model.dtype if value.is_floating_point() else None) for name, value in inputs.items()}
    if job.trains:
        numbers |= _trained(model, inputs, job)
    else:
        with torch.no_grad():
            generates = model.can_generate() and not job.forwards
            numbers |= (_generated if generates else _forwarded)(model, inputs, job)
    peak = memory_now(device, highest=True) - program
    # Drawing random weights is no part of a model.
    return {**numbers, "peak": peak if job.random else max(peak, numbers["load_peak"])}


def _opened(kind: Any, config: Any, job: Job, device: torch.device) -> tuple[Any, float]:
    start = time.perf_counter()
    if job.random:
        torch.manual_seed(0)
        model = kind.from_config(config, **job.combination.opening())
    else:
        model = kind.from_pretrained(job.model, **job.combination.opening(), **job.hub)
    model = model.to(device) if device.type != "cpu" else model
    for each in (*model.parameters(), *model.buffers()):  # a file that is mapped is read when its numbers are
        each.detach().reshape(-1).view(torch.uint8)[::_PAGE].sum()
    _wait(device)
    return model.eval(), time.perf_counter() - start


def _generated(model: Any, inputs: dict[str, Any], job: Job) -> dict[str, float]:
    prompt = prompt_of(model, inputs)
    device, rows = torch.device(job.device), job.combination.batch

    def generate(count: int) -> None:
        model.generate(**prompt, max_new_tokens=count, do_sample=False, num_beams=1, eos_token_id=None, pad_token_id=0)

    generate(min(2, job.new_tokens))
    first = _seconds(lambda: generate(1), job.times, device)
    all_tokens = _seconds(lambda: generate(job.new_tokens), job.times, device) if job.new_tokens > 1 else first
    speeds = {"first_token_s": first, "prefill_tokens_per_s": rows * job.combination.length / first}
    if job.new_tokens > 1 and all_tokens > first:
        speeds["decode_tokens_per_s"] = rows * (job.new_tokens - 1) / (all_tokens - first)
    return speeds


def _forwarded(model: Any, inputs: dict[str, Any], job: Job) -> dict[str, float]:
    model(**inputs)
    taken = _seconds(lambda: model(**inputs), job.times, torch.device(job.device))
    return {"forward_s": taken, "rows_per_s": job.combination.batch / taken}


def _trained(model: Any, inputs: dict[str, Any], job: Job) -> dict[str, float]:
    optimizer = torch.optim.AdamW(model.train().parameters(), lr=1e-5)
    inputs = prompt_of(model, inputs)
    labels = inputs.get("input_ids")
    inputs["labels"] = torch.zeros(job.combination.batch, dtype=torch.long, device=model.device) if labels is None else labels

    def step() -> None:
        model(**inputs).loss.mean().backward()
        optimizer.step()
        optimizer.zero_grad()

    step()
    return {"step_s": _seconds(step, job.times, torch.device(job.device))}


def _seconds(call: Callable[[], Any], times: int, device: torch.device) -> float:
    taken = []
    for _ in range(times):
        _wait(device)
        start = time.perf_counter()
        call()
        _wait(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _generate_once() -> None:
    """What generation imports is memory of the program too."""
    from ..pipelines.defaults import embedded_model_path

    model = AutoModelForCausalLM.from_pretrained(embedded_model_path())
    model.generate(torch.tensor([[5, 6, 7]]), max_new_tokens=2, do_sample=False)


def warm_up(device: torch.device, floats: tuple[torch.dtype, ...] = (torch.float32,)) -> None:
    """Run what every model runs once, on next to nothing: what torch loads for it is memory of the program."""
    model = nn.Sequential(nn.Embedding(100, 64), nn.LayerNorm(64), nn.Linear(64, 64), nn.GELU(), nn.SiLU()).to(device)
    optimizer = torch.optim.AdamW(model.parameters())
    large = torch.zeros(512, 512, device=device)
    (large @ large).sum()  # from some size on, matrix kernels have buffers
    for dtype in floats:
        states = model.to(dtype)(torch.zeros(2, 40, dtype=torch.long, device=device)).view(2, 40, 4, 16).transpose(1, 2)
        states = states + nn.functional.conv2d(states, torch.zeros(4, 4, 1, 1, dtype=dtype, device=device))
        mask = torch.ones(2, 1, 40, 40, device=device).tril().bool()
        states = nn.functional.scaled_dot_product_attention(states, states, states, attn_mask=mask)
        loss = nn.functional.cross_entropy(states.flatten(0, 2).float(), torch.zeros(320, dtype=torch.long, device=device))
        if dtype == torch.float32:
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


def main(job: str) -> None:
    """Measure a job that is told as JSON, and print the figures so."""
    told = json.loads(job)
    figures = measure(Job(**{**told, "combination": Combination(**told["combination"])}))
    sys.stdout.write(json.dumps(figures) + "\n")
