"""One input at a time: BERT's forward and T5's greedy decoding in the sizes that are used, in seconds of CPU."""

import time
from importlib import import_module
from typing import Any

from measuring import Options, Row, compare, in_turn

# The published sizes of bert-base and t5-small, which the configs have by themselves, and what stands in for them when quick.
TINY: dict[str, dict[str, Any]] = {
    "Bert": {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 96},
    "T5": {"d_model": 64, "d_kv": 16, "d_ff": 96, "num_layers": 2, "num_heads": 4},
}
SIZES: dict[str, dict[str, Any]] = {"Bert": {}, "T5": {"num_layers": 6}}


def cpu_seconds(library: str, family: str, tokens: int, quick: bool, times: int) -> float:
    """Seconds of CPU of a call with one text of so many tokens, the least of `times`; T5 also writes 32 tokens."""
    import torch

    module = import_module(library)
    torch.manual_seed(0)
    config = getattr(module, f"{family}Config")(**(TINY if quick else SIZES)[family])
    ids = torch.randint(3, 1000, (1, tokens))
    mask = torch.ones_like(ids)
    if family == "T5":
        config.decoder_start_token_id = 0
        model = module.T5ForConditionalGeneration(config).eval()
        count = 3 if quick else 32
        options = {"attention_mask": mask, "max_new_tokens": count, "min_new_tokens": count, "do_sample": False}

        def call() -> Any:
            return model.generate(ids, **options)
    else:
        model = module.BertModel(config).eval()

        def call() -> Any:
            return model(ids, attention_mask=mask)

    found = []
    with torch.inference_mode():
        call()
        for _ in range(times):
            start = time.process_time()
            call()
            found.append(time.process_time() - start)
    return min(found)


def measure(options: Options = Options()) -> list[Row]:
    cases = [("Bert", 16), ("Bert", 128), ("T5", 32)]
    rows = []
    for family, tokens in cases:
        shared = {"family": family, "tokens": tokens, "quick": options.quick, "times": 2 if options.quick else 20}
        turns = in_turn(options.turns, *((cpu_seconds, {"library": name, **shared}) for name in ("bestiary", "transformers")))
        name = {"Bert": "BERT base, forward of", "T5": "T5 small, 32 tokens after reading"}[family]
        rows.append(compare(f"{name} {tokens} tokens, batch 1, CPU time", *turns, "s", at_most=0.95))
    return rows
