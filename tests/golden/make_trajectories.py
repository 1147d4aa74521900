"""Writes trajectories.safetensors: what Trajectory Transformer gives, which the current release of the reference lacks.

Run with release 4.46.3 of it from the folder `tests`:

    PYTHONPATH=. python golden/make_trajectories.py
"""

from pathlib import Path

import torch
import transformers
from kit.trajectories import CONFIGS, fill, inputs
from safetensors.torch import save_file


def main() -> None:
    stored = {}
    for name, values in CONFIGS.items():
        model = transformers.TrajectoryTransformerModel(transformers.TrajectoryTransformerConfig(**values)).eval()
        fill(model)
        for length in (13, 20):  # two and three steps of seven tokens, without the last
            output = model(
                **inputs(length), use_cache=False, return_dict=True, output_hidden_states=True, output_attentions=True
            )
            model.zero_grad()
            output.loss.backward()
            stored[f"{name}.{length}.logits"], stored[f"{name}.{length}.loss"] = output.logits, output.loss
            for index, state in enumerate(output.hidden_states):
                stored[f"{name}.{length}.hidden_states.{index}"] = state
            stored[f"{name}.{length}.gradients"] = torch.stack(
                [parameter.grad.double().square().sum().float() for _, parameter in sorted(model.named_parameters())]
            )
            for index, attention in enumerate(output.attentions):
                stored[f"{name}.{length}.attentions.{index}"] = attention
        stored[f"{name}.unfinished"] = model(inputs(17)["trajectories"], return_dict=True).logits
    tensors = {name: tensor.detach().clone() for name, tensor in stored.items()}
    save_file(tensors, Path(__file__).parent / "trajectories.safetensors", {"transformers": transformers.__version__})


if __name__ == "__main__":
    main()
