"""The card of the embedded model."""

import platform
from typing import Any

import torch

from .measures import CHOICES
from .text import END, PADDING, packages


def card(figures: dict[str, Any], shape: dict[str, int], mix: dict[str, float]) -> str:
    """The model card, every figure from this run."""
    sizes = ", ".join(f"{name} {value}" for name, value in shape.items())
    before = figures["before"]
    earlier = f"{before['training_tokens']:,} tokens in {before['minutes']:.0f} minutes, then " if before else ""
    began = "\nThe first tokens counted are those that the weights this run began from had seen." if before else ""
    return f"""---
license: apache-2.0
language: code
tags: [python, text-generation]
---
# The embedded model

A small Llama that writes Python, shipped inside the package so that generation can be tried without a download. What it
writes looks like Python and mostly parses; what it computes is mostly wrong. It is a demonstration, not a programming aid.

| | |
|---|---|
| architecture | llama: {sizes}, tied embeddings |
| parameters | {figures["parameters"]:,}, stored in bfloat16 |
| tokenizer | byte-level BPE, {figures["vocabulary"]} tokens; `{END}` begins and ends a text, `{PADDING}` fills up |
| context | {figures["context"]} tokens |
| data | standard library of CPython {platform.python_version()} (PSF licence); {packages()} |
| files | {figures["files"]} to train on, {figures["held_out_files"]} held out |
| training | {earlier}{figures["training_tokens"]:,} tokens in {figures["minutes"]:.0f} minutes, {figures["steps"]} steps |
| machine | {torch.get_num_threads()} processor core(s), other work beside it |
| windows | {", ".join(f"{share:.0%} {kind.replace('_', ' ')}" for kind, share in mix.items())} |
| last training loss | {figures["final_loss"]:.3f} nats per token |
| held-out bits per byte, standard library | {figures["held_out_bits_per_byte"]:.3f} |
| held-out bits per byte, packages | {figures["package_bits_per_byte"]:.3f} |
| held-out functions completed to Python that parses | {figures["parses"]:.0%} of {figures["prompts"]} |
| held-out functions on one line completed as they stand | {figures["matches"]:.0%} of {figures["lines"]} |

Bits per byte: each held-out file cut into separate windows of {figures["context"]} tokens. Parsing: the first line of
functions in held-out files, 120 tokens chosen as generation_config.json says, a last line cut by the limit left out. Those
settings were picked among {len(CHOICES)} by the sum of the last two shares, which flatters them a little; plain greedy search
had {figures["parses_greedy"]:.0%} and {figures["matches_greedy"]:.0%}.{began}

The weights are under Apache 2.0, the training text under the licences named. Made by `examples/train_embedded_model.py`; the
course of the loss is in `training.json`.
"""
