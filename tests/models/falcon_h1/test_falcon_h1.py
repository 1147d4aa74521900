"""What is special to Falcon-H1: biases of the mixers' first projection, embeddings of a caller, sizes that do not fit."""

import pytest
import torch
import transformers

from bestiary import FalconH1Config, FalconH1ForCausalLM
from bestiary.core.errors import ConfigError

TINY = {"vocab_size": 99, "hidden_size": 32, "intermediate_size": 40, "num_hidden_layers": 2, "mamba_d_ssm": 32}
TINY |= {"num_attention_heads": 4, "num_key_value_heads": 2, "mamba_n_heads": 8, "mamba_d_state": 8}


def test_biases_and_embeddings_of_the_callers(tmp_path):
    torch.manual_seed(0)
    config = transformers.FalconH1Config(**TINY, mamba_proj_bias=True, embedding_multiplier=3.0)
    theirs = transformers.FalconH1ForCausalLM(config).eval()
    for layer in theirs.model.layers:
        torch.nn.init.normal_(layer.mamba.in_proj.bias)
    theirs.save_pretrained(tmp_path)
    model, ids = FalconH1ForCausalLM.from_pretrained(tmp_path), torch.randint(5, 99, (2, 9))
    for call in ({"input_ids": ids}, {"inputs_embeds": torch.randn(2, 9, 32)}):
        torch.testing.assert_close(model(**call).logits, theirs(**call).logits, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"mamba_d_ssm": 36}, "mamba_n_heads is 8 and mamba_d_head 4; their product must be the width .*, 36"),
        ({"mlp_multipliers": [1.0]}, "mlp_multipliers has 1 factors; expected 2"),
        ({"ssm_multipliers": [1.0, 2.0]}, "ssm_multipliers has 2 factors; expected 5"),
        ({"ssm_multipliers": [1.0, 2.0, "a", 1.0, 1.0]}, "ssm_multipliers"),
    ],
)
def test_sizes_that_do_not_fit(values, message):
    with pytest.raises(ConfigError, match=message):
        FalconH1Config(**{**TINY, **values})
