"""DeepSeek-V2: every head, experts chosen freely and from groups; wide queries, YaRN, biases, tied embeddings."""

from kit import latent_cases
from kit.families import Case, Head, class_labels, token_labels, tokens

CASE = Case(
    config_class="DeepseekV2Config",
    config={**latent_cases.CONFIG, "num_labels": 3},
    heads={
        "DeepseekV2ForCausalLM": Head(lambda: tokens(side="left"), token_labels, generates=True),
        "DeepseekV2Model": Head(tokens),
        "DeepseekV2ForSequenceClassification": Head(tokens, class_labels(3)),
    },
    variants={
        "groups": {**latent_cases.GROUPS, "topk_method": "group_limited_greedy"},
        "more_than_open": {"topk_method": "group_limited_greedy", "n_group": 4, "topk_group": 1, "routed_scaling_factor": 16.0},
        "wide_queries": {"q_lora_rank": None},
        **latent_cases.VARIANTS,
    },
)
