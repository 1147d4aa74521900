"""What is special to LFM2: names of older files, and the width of its MLPs."""

import transformers

from bestiary import Lfm2Config, Lfm2Model

TINY = {"vocab_size": 99, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}


def test_names_of_older_files():
    older = {"block_ff_dim": 48, "tie_embedding": False, "full_attn_idxs": [1]}
    config, theirs = Lfm2Config(**TINY, **older), transformers.Lfm2Config(**TINY, **older)
    assert (config.intermediate_size, config.tie_word_embeddings) == (48, False)
    assert config.layer_types == theirs.layer_types == ["conv", "full_attention"]
    assert Lfm2Config(**TINY, layer_types=["conv", "attention"]).layer_types == ["conv", "full_attention"]


def test_widths_are_the_references():
    for multiplier in (1.0, 1.3):
        for multiple in (1, 16, 256):
            values = {**TINY, "intermediate_size": 100, "block_ffn_dim_multiplier": multiplier, "block_multiple_of": multiple}
            expected = transformers.Lfm2Model(transformers.Lfm2Config(**values)).layers[0].feed_forward.w1.weight
            assert Lfm2Model(Lfm2Config(**values)).layers[0].feed_forward.w1.weight.shape == expected.shape
