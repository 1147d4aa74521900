"""DeBERTa v2: every head, distances by rows and by buckets, the convolution, both vocabulary heads."""

from kit.families import Case
from kit.text_encoders import TINY, encoder_heads

CASE = Case(
    config_class="DebertaV2Config",
    config={
        **TINY,
        "max_position_embeddings": 16,
        "type_vocab_size": 2,
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 4,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "position_biased_input": False,
        "max_relative_positions": -1,
    },
    heads=encoder_heads("DebertaV2", segments=True),
    variants={
        "convolution": {"conv_kernel_size": 3, "conv_act": "gelu"},
        "rows": {"position_buckets": -1, "max_relative_positions": 5, "norm_rel_ebd": "none", "share_att_key": False},
        "contents to distances": {"pos_att_type": "c2p", "share_att_key": False, "position_biased_input": True},
        "contents only": {"relative_attention": False, "type_vocab_size": 0, "position_biased_input": True},
        "new head": {"legacy": False},
        "narrow": {"embedding_size": 16, "tie_word_embeddings": False},
    },
)
