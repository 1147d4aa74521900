"""V-JEPA 2: every head, tubes that are shown and tubes that are said, heads of which a rest does not turn."""

import torch
from kit.families import Case, Head, Inputs, class_labels


def films() -> Inputs:
    return {"pixel_values_videos": torch.randn(3, 4, 3, 16, 16)}


def masked() -> Inputs:
    """Some tubes are shown, others asked for."""
    shown, asked = torch.tensor([[0, 5, 3], [2, 7, 1], [6, 0, 4]]), torch.tensor([[2, 4], [6, 0], [1, 7]])
    return {**films(), "context_mask": [shown], "target_mask": [asked]}


CASE = Case(
    config_class="VJEPA2Config",
    config={
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "patch_size": 8,
        "crop_size": 16,
        "frames_per_clip": 4,
        "num_pooler_layers": 1,
        "mlp_ratio": 1.5,
        "pred_hidden_size": 16,
        "pred_num_attention_heads": 2,
        "pred_num_hidden_layers": 1,
        "pred_num_mask_tokens": 3,
        "pred_zero_init_mask_tokens": False,
        "num_labels": 3,
    },
    heads={"VJEPA2ForVideoClassification": Head(films, class_labels(3)), "VJEPA2Model": Head(masked)},
    variants={"no_bias": {"qkv_bias": False, "hidden_act": "relu", "tubelet_size": 1, "drop_path_rate": 0.3}},
)
