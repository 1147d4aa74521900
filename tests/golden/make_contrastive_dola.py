"""Writes contrastive_dola.safetensors: contrastive search and DoLa, which the current release of the reference lacks.

Run with release 4.46.3 of it, from the folder `tests`:

    PYTHONPATH=. python golden/make_contrastive_dola.py
"""

import json
from pathlib import Path
from typing import Any

import torch
import transformers
from kit import filled
from kit.cases_contrastive_dola import CASES, MODELS, inputs
from safetensors.torch import save_file


def run(model: Any, given: dict[str, torch.Tensor], options: dict[str, Any]) -> dict[str, torch.Tensor]:
    """The new tokens (R, T), and scores and logits (R, T, V)."""
    result = model.generate(**given, **options, return_dict_in_generate=True, output_scores=True, output_logits=True)
    found = {field: torch.stack(result[field], 1).to(torch.float32) for field in ("scores", "logits")}
    return {**found, "new": result.sequences[:, -len(result.scores) :]}


def apart(given: dict[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    """Each row by itself, without padding, whose states the reference takes for something that was said."""
    rows = zip(given["input_ids"], given["attention_mask"].bool(), strict=True)
    return [{"input_ids": ids[mask][None], "attention_mask": mask[mask][None].long()} for ids, mask in rows]


def padded(value: torch.Tensor, length: int, fill: float) -> torch.Tensor:
    """`value` (R, T, ...) with `fill` up to `length` steps."""
    more = value.new_full((value.shape[0], length - value.shape[1], *value.shape[2:]), fill)
    return torch.cat([value, more], 1)


def main() -> None:
    kept: dict[str, torch.Tensor] = {}
    models: dict[str, Any] = {}
    for name, (model_type, head, values) in MODELS.items():
        config = getattr(transformers, f"{model_type}Config")(**values)
        config._attn_implementation = "eager"
        models[name] = filled.fill(getattr(transformers, head)(config))
    for index, (name, rows, options) in enumerate(CASES):
        given = inputs(name, rows)
        alone = "penalty_alpha" in options and name not in ("t5", "whisper")
        results = [run(models[name], row, options) for row in (apart(given) if alone else [given])]
        longest = max(result["scores"].shape[1] for result in results)
        for field in ("new", "scores", "logits"):
            fill = 0 if field == "new" else torch.nan
            kept[f"{index}.{field}"] = torch.cat([padded(result[field], longest, fill) for result in results])
        print(index, name, rows, options, kept[f"{index}.new"].tolist())
    about = {"transformers": transformers.__version__, "cases": json.dumps(CASES)}
    save_file(kept, Path(__file__).with_name("contrastive_dola.safetensors"), about)


if __name__ == "__main__":
    main()
