"""How well a causal language model foretells a text of any length: exp of the mean surprise of its tokens, in nats.

    python examples/perplexity.py some_module.py
    python examples/perplexity.py novel.txt --model openai-community/gpt2 --stride 512

The text goes through the model in windows as long as its context. Each begins `stride` tokens after the one before and
scores only the tokens that no window before it has scored, so a small stride gives every token more to go by, and takes
longer. The very first token is never scored: nothing comes before it.
"""

import argparse
import math
from pathlib import Path
from typing import Any

import torch

from bestiary import AutoModelForCausalLM, AutoTokenizer, embedded_model_path

IGNORED = -100


@torch.no_grad()
def perplexity(model: Any, ids: torch.Tensor, stride: int, window: int | None = None) -> tuple[float, int]:
    """The perplexity of token ids (1, N), and how many of them it is the mean of.

    Raises:
        ValueError: a model that sees what comes after, a text of one token, or a stride beyond the window.
    """
    window = window or model.context_length() or ids.shape[1]
    if ids.shape[1] < 2:
        raise ValueError(f"the text has {ids.shape[1]} token; the first is never scored, so expected at least 2")
    if not 0 < stride <= window:
        raise ValueError(f"stride is {stride}; expected 1 to the window of {window} tokens, or tokens would be left out")
    if not is_causal(model, ids[:, : min(window, 8)]):
        raise ValueError(f"{type(model).__name__} sees the tokens it should foretell; perplexity is for causal models")
    total, count, scored = 0.0, 0, 0
    for begin in range(0, ids.shape[1], stride):
        end = min(begin + window, ids.shape[1])
        labels = ids[:, begin:end].clone()
        labels[:, : scored - begin] = IGNORED
        # The loss is a mean over what is left of the labels after the shift: the window's first one is never foretold.
        counted = int((labels[:, 1:] != IGNORED).sum())
        if counted:
            total += float(model(input_ids=ids[:, begin:end], labels=labels).loss) * counted
        count, scored = count + counted, end
        if end == ids.shape[1]:
            break
    return math.exp(total / count), count


def is_causal(model: Any, ids: torch.Tensor) -> bool:
    """Whether another last token leaves what the model says before it as it was."""
    other = ids.clone()
    other[:, -1] = (other[:, -1] + 1) % model.config.get_text_config().vocab_size
    before, after = (model(input_ids=given).logits[:, :-1] for given in (ids, other))
    return torch.allclose(before, after, rtol=1e-3, atol=1e-3)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text", nargs="?", type=Path, default=Path(__file__), help="a file; by default this program")
    parser.add_argument("--model", help="folder or name on the hub; by default the model inside the package")
    parser.add_argument("--stride", type=int, help="tokens between windows; by default half of the context")
    given = parser.parse_args(arguments)

    name = given.model or embedded_model_path()
    tokenizer, model = AutoTokenizer.from_pretrained(name), AutoModelForCausalLM.from_pretrained(name)
    # The whole text at once: that it is longer than the context is the point.
    ids = tokenizer(given.text.read_text(encoding="utf-8"), return_tensors="pt", verbose=False)["input_ids"]
    window = model.context_length() or ids.shape[1]
    value, count = perplexity(model, ids, given.stride or max(1, window // 2))
    print(f"perplexity {value:.3f} over {count} tokens")


if __name__ == "__main__":
    main()
