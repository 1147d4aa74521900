"""ESM: every head, rotary positions and a table, masked tokens that count as dropped; and ESMFold.

What padding, chunks and rounds do to ESMFold: `tests/models/esm/test_folding.py`.
"""

import torch
from kit.families import Case, Head
from kit.text_encoders import TINY, encoder_heads

FOLDING = {
    "fp16_esm": False,
    "lddt_head_hid_dim": 8,
    "trunk": {
        "num_blocks": 2,
        "sequence_state_dim": 32,
        "pairwise_state_dim": 16,
        "sequence_head_width": 8,
        "pairwise_head_width": 8,
        "position_bins": 4,
        "max_recycles": 2,
        "chunk_size": 4,
        "structure_module": {
            "sequence_dim": 24,
            "pairwise_dim": 16,
            "ipa_dim": 4,
            "resnet_dim": 8,
            "num_heads_ipa": 2,
            "num_qk_points": 2,
            "num_v_points": 3,
            "num_blocks": 2,
        },
    },
}

CASE = Case(
    config_class="EsmConfig",
    config={
        **TINY,
        "max_position_embeddings": 18,
        "pad_token_id": 1,
        "mask_token_id": 33,
        "position_embedding_type": "rotary",
        "token_dropout": True,
    },
    heads={
        **encoder_heads("Esm", pad=1, without=("ForQuestionAnswering", "ForMultipleChoice")),
        "EsmForProteinFolding": Head(
            inputs=lambda: {"input_ids": torch.randint(0, 21, (2, 7))},
            config={"is_folding_model": True, "esmfold_config": FOLDING},
        ),
    },
    variants={
        "table": {"position_embedding_type": "absolute", "emb_layer_norm_before": True, "token_dropout": False},
        "decoder": {"is_decoder": True},
    },
    first_position=2,
)
