"""What the embedded model is measured by, on files it was not trained on."""

import ast
import codeop
import math
from typing import Any

import torch
from tokenizers import Tokenizer

from bestiary import GenerationConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from .text import END

# Ways to choose tokens; which is best is measured on held-out functions.
CHOICES: list[dict[str, Any]] = [
    {},
    {"no_repeat_ngram_size": 12},
    {"no_repeat_ngram_size": 6},
    {"repetition_penalty": 1.05, "no_repeat_ngram_size": 6},
    {"repetition_penalty": 1.1, "no_repeat_ngram_size": 6},
    {"num_beams": 4},
    {"num_beams": 4, "length_penalty": 0.0},
    {"do_sample": True, "temperature": 0.3, "top_k": 0},
    {"do_sample": True, "temperature": 0.7, "top_p": 0.9, "top_k": 0},
]


@torch.inference_mode()
def bits_per_byte(model: LlamaForCausalLM, texts: list[str], tokenizer: Tokenizer, context: int) -> float:
    """Bits the model needs per byte of `texts`, each text cut into separate windows that begin with the end token."""
    end, bits, size = tokenizer.token_to_id(END), 0.0, 0
    for text in texts:
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        size += len(text.encode())
        for at in range(0, len(ids), context - 1):
            window = torch.tensor([[end, *ids[at : at + context - 1]]])
            logits = model(window[:, :-1], use_cache=False).logits.float()
            bits += torch.nn.functional.cross_entropy(logits[0], window[0, 1:], reduction="sum").item() / math.log(2)
    return bits / max(size, 1)


def prompts(texts: list[str], count: int) -> list[str]:
    """The first lines of functions in held-out files: `def name(arguments):`."""
    found = []
    for text in texts:
        for node in ast.parse(text).body:
            line = text.splitlines()[node.lineno - 1]
            if isinstance(node, ast.FunctionDef) and line.startswith("def ") and line.endswith(":"):
                found.append(line)
    return found[:: max(1, len(found) // count)][:count]


@torch.inference_mode()
def completed(
    model: LlamaForCausalLM, texts: list[str], tokenizer: PreTrainedTokenizerFast, new: int
) -> list[tuple[str, bool]]:
    """(prompt and completion, whether the model ended it) of each prompt that leaves half of the context free."""
    half = model.config.max_position_embeddings // 2
    short = [text for text in texts if len(tokenizer(text).input_ids) <= half]
    if not short:
        return []
    batch = tokenizer(short, padding=True, padding_side="left", return_tensors="pt")
    out = model.generate(**batch, max_new_tokens=min(new, half))
    ended = (out[:, batch["input_ids"].shape[1] :] == model.config.eos_token_id).any(1).tolist()
    return list(zip(tokenizer.batch_decode(out, skip_special_tokens=True), ended, strict=True))


def is_python(text: str, ended: bool) -> bool:
    """Whether a generated text compiles; one that was cut, as the beginning of something, its last line left out."""
    lines = text.splitlines()
    try:
        code = codeop.compile_command("\n".join(lines if ended else lines[:-1]) + "\n", symbol="exec")
    except (SyntaxError, ValueError, OverflowError):
        return False
    return code is not None if ended else len(lines) > 2


def parse_rate(model: LlamaForCausalLM, texts: list[str], tokenizer: PreTrainedTokenizerFast, new: int = 120) -> float:
    """Share of completions of held-out function headers that are Python."""
    rows = completed(model, texts, tokenizer, new)
    return sum(is_python(*row) for row in rows) / max(len(rows), 1)


def beginnings(lines: list[str]) -> dict[str, str]:
    """`def name(arguments): return` -> the whole line, of functions on one line."""
    return {line[: line.index("): return ") + 9]: line.rstrip() for line in lines}


def match_rate(model: LlamaForCausalLM, lines: dict[str, str], tokenizer: PreTrainedTokenizerFast) -> float:
    """Share of held-out functions on one line whose completion after `return` is the one that stands there."""
    rows = completed(model, list(lines), tokenizer, 32)
    return sum(text.partition("\n")[0] in lines.values() for text, _ in rows) / max(len(rows), 1)


def choose(
    model: LlamaForCausalLM, heads: list[str], lines: dict[str, str], tokenizer: PreTrainedTokenizerFast
) -> dict[str, float]:
    """Give the model that one of `CHOICES` with which it does best on held-out functions; returns the shares."""
    rates = []
    for choice in CHOICES:
        ids = {name: getattr(model.config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        model.generation_config = GenerationConfig(**{"do_sample": False} | choice | ids)
        torch.manual_seed(0)
        rates.append({"parses": parse_rate(model, heads, tokenizer), "matches": match_rate(model, lines, tokenizer)})
        print(choice, rates[-1], flush=True)
    best = max(range(len(CHOICES)), key=lambda index: sum(rates[index].values()))
    model.generation_config = GenerationConfig(**{"do_sample": False} | CHOICES[best] | ids)
    return rates[best] | {"parses_greedy": rates[0]["parses"], "matches_greedy": rates[0]["matches"]}
