"""Prompt lookup and an assistant beside plain greedy decoding, where a text is copied, and where guesses are no good."""

import statistics
import time
from typing import Any

from measuring import Options, Row, columns, compare, in_turn

WIDTHS: dict[str, Any] = {"hidden_size": 576, "intermediate_size": 1536, "num_attention_heads": 9, "num_key_value_heads": 3}
TINY: dict[str, Any] = {"hidden_size": 64, "intermediate_size": 96, "num_attention_heads": 4, "num_key_value_heads": 2}
VOCABULARY, TEXT = 8192, 200


def copyist(layers: int, copies: bool, quick: bool) -> Any:
    """A Llama of the shape of 135 M parameters that computes all there is to compute.

    Where it `copies`, its layers add nothing to the sum, and the head gives after each token the one that follows it in a
    fixed round of `TEXT` tokens. Else it writes what its random weights say.
    """
    import torch

    from bestiary.models.llama import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    shape = {**(TINY if quick else WIDTHS), "vocab_size": VOCABULARY, "num_hidden_layers": layers}
    model = LlamaForCausalLM(
        LlamaConfig(**shape, max_position_embeddings=2048, initializer_range=0.2, eos_token_id=None)
    ).eval()
    if copies:
        with torch.no_grad():
            for layer in model.model.layers:
                layer.self_attn.o_proj.weight.zero_()
                layer.mlp.down_proj.weight.zero_()
            model.lm_head.weight[1 : TEXT + 1] = model.model.embed_tokens.weight[:TEXT]
            model.lm_head.weight[0] = model.model.embed_tokens.weight[TEXT - 1]
    return model


def rates(copies: bool, how: dict[str, Any], tokens: int, times: int, quick: bool) -> dict[str, float]:
    """Tokens per second of greedy decoding, plain and with the help `how`, by turns; the tokens must be equal."""
    import torch

    model = copyist(4 if quick else 30, copies, quick)
    how = {**how, "assistant_model": copyist(1, False, quick)} if "assistant_model" in how else how
    ids = torch.arange(TEXT).unsqueeze(0) if copies else torch.randint(0, VOCABULARY, (1, TEXT))
    kinds: dict[str, dict[str, Any]] = {"plain": {}, "helped": how}
    taken: dict[str, list[float]] = {name: [] for name in kinds}
    written = {}
    for _ in range(times + 1):  # the first time of each only warms up
        for name, options in kinds.items():
            start = time.perf_counter()
            written[name] = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=tokens, **options)
            taken[name].append(tokens / (time.perf_counter() - start))
    if not torch.equal(written["plain"], written["helped"]):
        raise RuntimeError("the two wrote different tokens")
    if copies and not torch.equal(written["plain"][0, TEXT:], torch.arange(tokens) % TEXT):
        raise RuntimeError("the model does not copy")
    return {name: statistics.median(series[1:]) for name, series in taken.items()}


def measure(options: Options = Options()) -> list[Row]:
    tokens, times = (40, 1) if options.quick else (120, 1)
    shared = {"tokens": tokens, "times": times, "quick": options.quick}
    lookup: dict[str, Any] = {"prompt_lookup_num_tokens": 10}
    copying, vain, bad = in_turn(
        options.turns,
        (rates, {"copies": True, "how": lookup, **shared}),
        (rates, {"copies": False, "how": lookup, **shared}),
        (rates, {"copies": False, "how": {"assistant_model": None}, **shared}),
    )
    rows = []
    for what, found, least in (
        ("prompt lookup of 10 tokens, a text copied", copying, 2.0),
        ("prompt lookup of 10 tokens, nothing to look up", vain, 1 / 1.1),
        ("an assistant that is never right", bad, 1 / 1.1),
    ):
        pair = (columns(found, "helped"), columns(found, "plain"))
        rows.append(compare(f"{what}, {tokens} tokens", *pair, "tokens/s", beside="plain greedy", at_least=least))
    return rows
