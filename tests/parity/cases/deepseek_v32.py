"""DeepSeek-V3.2: both heads, all keys or few of them, an index that is wider than keys, groups, kinds of MLPs, YaRN, ties.

The index has many heads, so that hardly any two keys score alike (ReLU gives 0 where no head matches).
"""

from kit import latent_cases
from kit.families import Case, Head, token_labels, tokens

CASE = Case(
    config_class="DeepseekV32Config",
    config={**latent_cases.GROUPED, "index_topk": 3, "index_head_dim": 8, "index_n_heads": 16},
    heads={
        "DeepseekV32ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "DeepseekV32Model": Head(tokens),
    },
    variants={
        "groups": {**latent_cases.GROUPS, "num_experts_per_tok": 3},
        "all_keys": {"index_topk": 2048},
        "wide_index": {"index_head_dim": 14, "norm_topk_prob": False, "routed_scaling_factor": 1.0},
        "kinds_of_mlps": {"mlp_layer_types": ["sparse", "dense"]},
        **latent_cases.VARIANTS,
    },
)
