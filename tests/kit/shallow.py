"""Models of as few layers as show every kind of layer, for what looks at each line of code and not at numbers: tracing."""

from dataclasses import fields
from typing import Any

import torch

from bestiary.core.kinds import Depth

from .families import spread


def shallow(model: Any, layers: int | None = None) -> Any:
    """A model of the same class with one layer of each kind, or with `layers` (0: its head alone), and weights of its own."""
    torch.manual_seed(0)
    twin = type(model)(shallow_config(model.config, layers)).eval()
    spread(twin)
    return twin


def shallow_config(config: Any, layers: int | None = None) -> Any:
    """The config, and those of its parts, with few layers: every number of layers is declared as a `Depth`."""
    values = config.to_dict()
    kinds = config.layer_kinds()
    count = max((kinds.index(kind) + 1 for kind in set(kinds)), default=1) if layers is None else layers
    if values.get("num_kv_shared_layers") and layers is None:
        count = len(kinds)  # the last look at keys of the others
    elif layers is None and len(values.get("out_indices") or ()) > 1:
        count = max(count, *values["out_indices"])  # some models need the maps of several stages
    elif values.get("num_kv_shared_layers"):
        values["num_kv_shared_layers"] = 0
    for field in fields(config):
        if field.name == "num_hidden_layers" and values.get("backbone_out_indices"):
            continue  # their states are all read
        if field.type in (Depth, Depth | None) and values[field.name]:
            values[field.name] = min(values[field.name], count)
            if field.name == "num_hidden_layers" and values.get("stage_names"):  # each is a stage
                kept = [index for index in values["out_indices"] if index <= count] or None
                values |= {"stage_names": None, "out_features": None, "out_indices": kept}
    for name in ("layer_types", "layers_block_type"):
        if values.get(name):
            values[name] = list(kinds[:count])
    if values.get("per_layer_config"):
        values["per_layer_config"] = {key: each for key, each in values["per_layer_config"].items() if int(key) < count}
    if values.get("attn_layer_indices"):
        values["attn_layer_indices"] = [index for index in values["attn_layer_indices"] if index < count]
    for name in ("attention_window", "mlp_layer_types", "no_rope_layers"):
        if isinstance(values.get(name), list):
            values[name] = values[name][:count]
    for name in type(config).sub_configs:
        values[name] = shallow_config(getattr(config, name), layers).to_dict()
    return type(config)(**values)
