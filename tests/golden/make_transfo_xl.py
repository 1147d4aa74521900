"""Writes transfo_xl.safetensors: what Transformer-XL gives, which the current release of the reference lacks.

Run with release 4.46.3 of it from the folder `tests`:

    PYTHONPATH=. python golden/make_transfo_xl.py

Its forward calls `type_as(dtype=...)`, which torch does not have and is put right here.
"""

from pathlib import Path
from typing import Any

import torch
import transformers
from kit.transfo_xl import CONFIGS, fill, ids, labels
from safetensors.torch import save_file

RECORDED = {"output_hidden_states": True, "output_attentions": True}


def nest(stored: dict[str, torch.Tensor], key: str, output: Any) -> None:
    """Store the tensors of an output, and of the lists in it."""
    for name, value in output.items():
        for index, each in enumerate(value if isinstance(value, list | tuple) else [value]):
            stored[f"{key}.{name}.{index}"] = each


def type_as(tensor: torch.Tensor, dtype: torch.dtype) -> torch.Tensor:
    return tensor.to(dtype)


def main() -> None:
    torch.Tensor.type_as = type_as  # type: ignore[assignment]
    stored: dict[str, torch.Tensor] = {}
    for name, values in CONFIGS.items():
        model = transformers.TransfoXLLMHeadModel(transformers.TransfoXLConfig(**values)).eval()
        fill(model)
        first = model(ids(), **RECORDED)
        nest(stored, f"{name}.first", first)
        nest(stored, f"{name}.second", model(ids()[:, :4], mems=first.mems))
        if first.mems is not None:
            nest(stored, f"{name}.short", model(ids(), mems=[states[:2] for states in first.mems]))
        output = model(ids(), labels=labels())
        nest(stored, f"{name}.labels", output)
        model.zero_grad()
        output.loss.backward()
        gradients = [parameter.grad.double().square().sum().float() for _, parameter in sorted(model.named_parameters())]
        stored[f"{name}.gradients"] = torch.stack(gradients)
        stored[f"{name}.written"] = model.generate(ids(), max_new_tokens=8, do_sample=False)
        stored[f"{name}.searched"] = model.generate(ids(), max_new_tokens=6, do_sample=False, num_beams=3)
        if values["d_embed"] == values["d_model"]:
            classifier = transformers.TransfoXLForSequenceClassification(transformers.TransfoXLConfig(**values)).eval()
            fill(classifier)
            padded = ids()
            padded[1, 6:] = 3
            nest(stored, f"{name}.classes", classifier(padded, labels=torch.tensor([0, 2, 1])))
    tensors = {name: tensor.detach().contiguous().clone() for name, tensor in stored.items()}
    save_file(tensors, Path(__file__).parent / "transfo_xl.safetensors", {"transformers": transformers.__version__})


if __name__ == "__main__":
    main()
