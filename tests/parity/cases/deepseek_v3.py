"""DeepSeek-V3: every head, groups, shares as they are, neighbours or halves that turn, wide queries, YaRN, biases, ties."""

from kit import latent_cases
from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="DeepseekV3Config",
    config={**latent_cases.GROUPED, "num_labels": 3},
    heads={
        "DeepseekV3ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "DeepseekV3Model": Head(tokens),
        "DeepseekV3ForSequenceClassification": Head(tokens, class_labels(3)),
        "DeepseekV3ForTokenClassification": Head(tokens, class_labels(3, per_token=True)),
    },
    variants={
        "groups": {**latent_cases.GROUPS, "num_experts_per_tok": 3},
        "halves_turn": {"rope_interleave": False},
        "as_they_are": {"norm_topk_prob": False, "routed_scaling_factor": 1.0},
        "wide_queries": {"q_lora_rank": None},
        **latent_cases.VARIANTS,
    },
)
