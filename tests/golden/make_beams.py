"""Writes beams.json and beams.safetensors: rows of diverse and constrained beam search, which the current release of the
reference no longer has, and the weights of the tiny models that gave them.

Run with release 4.46.3 of it, from the folder `tests`:

    python golden/make_beams.py
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import save_file

HERE = Path(__file__).parent
TOKENS = {"vocab_size": 24, "bos_token_id": 1, "pad_token_id": 22, "eos_token_id": 2}
CONFIGS: dict[str, dict[str, Any]] = {
    "Llama": {
        **TOKENS, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
        "num_key_value_heads": 2, "max_position_embeddings": 64, "initializer_range": 0.3, "tie_word_embeddings": False,
    },
    "T5": {
        **TOKENS, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
        "initializer_factor": 1.3, "decoder_start_token_id": 0,
    },
}  # fmt: skip
MODELS = {"Llama": "LlamaForCausalLM", "T5": "T5ForConditionalGeneration"}
SEEDS = {"Llama": 1, "T5": 3}

GROUPS: list[dict[str, Any]] = [
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "num_return_sequences": 4},
    {"num_beams": 4, "num_beam_groups": 4, "diversity_penalty": 0.3, "num_return_sequences": 4},
    {"num_beams": 6, "num_beam_groups": 3, "diversity_penalty": 2.5, "num_return_sequences": 5, "max_new_tokens": 16},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "eos_token_id": 7, "num_return_sequences": 3},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 1.0, "eos_token_id": 12, "early_stopping": True,
     "num_return_sequences": 4},
    {"num_beams": 6, "num_beam_groups": 2, "diversity_penalty": 0.5, "eos_token_id": 12, "early_stopping": "never",
     "length_penalty": 2.0, "num_return_sequences": 4, "max_new_tokens": 14},
    {"num_beams": 6, "num_beam_groups": 2, "diversity_penalty": 0.5, "eos_token_id": 19, "length_penalty": -1.0,
     "num_return_sequences": 4, "max_new_tokens": 14},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.5, "no_repeat_ngram_size": 2, "bad_words_ids": [[9, 4]],
     "num_return_sequences": 4},
    {"num_beams": 4, "num_beam_groups": 2, "diversity_penalty": 0.7, "eos_token_id": 12, "min_new_tokens": 4,
     "num_return_sequences": 2, "suppress_tokens": [3, 4]},
    {"num_beams": 3, "num_beam_groups": 3, "diversity_penalty": 1.0, "forced_eos_token_id": 7, "max_new_tokens": 5,
     "num_return_sequences": 3},
]  # fmt: skip

CONSTRAINED: list[dict[str, Any]] = [
    {"num_beams": 4, "force_words_ids": [[15]]},
    {"num_beams": 5, "force_words_ids": [[16, 15]], "max_new_tokens": 14},
    {"num_beams": 5, "force_words_ids": [[14], [20, 18]], "max_new_tokens": 14},
    {"num_beams": 5, "force_words_ids": [[[14, 17, 17], [20, 21]]], "num_return_sequences": 2},
    {"num_beams": 6, "force_words_ids": [[[14, 17], [20]], [[16], [18, 19, 21]]], "max_new_tokens": 14},
    {"num_beams": 6, "force_words_ids": [[21], [[16, 4], [18, 19]]], "early_stopping": True, "max_new_tokens": 16},
    {"num_beams": 6, "force_words_ids": [[15, 6, 11]], "eos_token_id": 12, "early_stopping": True, "max_new_tokens": 16},
    {"num_beams": 6, "force_words_ids": [[8], [15]], "eos_token_id": 12, "length_penalty": 2.0, "max_new_tokens": 16},
    {"num_beams": 5, "force_words_ids": [[8]], "eos_token_id": 12, "early_stopping": "never", "num_return_sequences": 2,
     "max_new_tokens": 12},
    {"num_beams": 3, "force_words_ids": [[8, 4]], "eos_token_id": 7, "length_penalty": 0.0},
    {"num_beams": 4, "force_words_ids": [[10], [5]], "min_new_tokens": 6, "eos_token_id": 12, "suppress_tokens": [9]},
]  # fmt: skip


def prompts(kind: str, batch: int) -> dict[str, torch.Tensor]:
    """Rows of which all but the first have padding on the left; token ids that no constraint asks for."""
    ids = torch.tensor([[3, 9, 13, 6, 23, 7], [22, 22, 13, 9, 3, 6], [22, 22, 22, 7, 13, 3], [22, 3, 3, 6, 9, 23]])[:batch]
    return {"input_ids": ids, "attention_mask": (ids != 22).long()}


def cases() -> list[tuple[str, int, dict[str, Any]]]:
    """(kind of model, rows, options)."""
    return [(kind, batch, options) for options in GROUPS + CONSTRAINED for kind in MODELS for batch in (1, 4)]


def main() -> None:
    models = {}
    for kind, name in MODELS.items():
        torch.manual_seed(SEEDS[kind])
        models[kind] = getattr(transformers, name)(getattr(transformers, f"{kind}Config")(**CONFIGS[kind])).eval()
    answers: list[dict[str, Any]] = []
    for kind, batch, options in cases():
        wanted = {"max_new_tokens": 10, "return_dict_in_generate": True, "output_scores": True, **options}
        with torch.no_grad():
            got = models[kind].generate(**prompts(kind, batch), **wanted)
        answers.append(
            {"sequences": got.sequences.tolist(), "scores": [round(one, 6) for one in got.sequences_scores.tolist()]}
        )
    (HERE / "beams.json").write_text(json.dumps({"transformers": transformers.__version__, "answers": answers}) + "\n")
    weights = {f"{kind}.{name}": value.clone() for kind, model in models.items() for name, value in model.state_dict().items()}
    save_file(weights, HERE / "beams.safetensors")
    (HERE / "beams.safetensors").chmod(0o644)


if __name__ == "__main__":
    main()
