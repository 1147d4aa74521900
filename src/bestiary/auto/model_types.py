"""Types that the published tables of models list for a task which their families do not name: model_type -> task of theirs."""

# Task -> types whose head for it is the one they were pretrained with; a head for pretraining alone is the task "pretraining".
_PRETRAINED_BY = {
    "causal-lm": """
        bloom exaone4 falcon_mamba gpt2 gpt_bigcode mamba mamba2 rwkv
    """,
    "masked-lm": """
        camembert data2vec_text longformer roberta xlm_roberta xlm_roberta_xl
    """,
    "seq2seq-lm": """
        fsmt nllb_moe switch_transformers t5 t5gemma
    """,
}
# Types whose backbone is an encoder of text; a class for it alone is the task "text-encoding".
_TEXT_ENCODERS = """
albert bert big_bird data2vec_text deberta deberta_v2 distilbert electra longformer mobilebert reformer roberta roformer
xlm_roberta xlm_roberta_xl
"""

PRETRAINED_BY = {model_type: task for task, types in _PRETRAINED_BY.items() for model_type in types.split()}
TEXT_ENCODERS = dict.fromkeys(_TEXT_ENCODERS.split(), "base")
