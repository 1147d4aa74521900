"""The norms of ZoeDepth's fusion have the epsilon of the config; depths hardly tell."""

import pytest
import transformers
from torch import nn

import bestiary


@pytest.mark.parametrize("library", [bestiary, transformers])
def test_epsilon_of_the_fusion(library: object) -> None:
    config = library.ZoeDepthConfig(  # type: ignore[attr-defined]
        backbone_config={
            "model_type": "beit",
            "hidden_size": 8,
            "num_hidden_layers": 4,
            "num_attention_heads": 2,
            "intermediate_size": 8,
            "image_size": 32,
            "reshape_hidden_states": False,
            "out_indices": [1, 2, 3, 4],
        },
        neck_hidden_sizes=[4, 4, 4, 4],
        fusion_hidden_size=4,
        use_batch_norm_in_fusion_residual=True,
        batch_norm_eps=0.3,
    )
    neck = library.ZoeDepthForDepthEstimation(config).neck  # type: ignore[attr-defined]
    assert {part.eps for part in neck.modules() if isinstance(part, nn.BatchNorm2d)} == {0.3}
