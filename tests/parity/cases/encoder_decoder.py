"""Encoder-decoders of two families: BERT and BERT, of different widths, and other decoders."""

from kit.families import Case, Head
from kit.seq2seq_inputs import both, labels

PAD = 0
SMALL = {"vocab_size": 99, "num_hidden_layers": 2, "num_attention_heads": 4, "max_position_embeddings": 40}
ENCODER = {"model_type": "bert", "hidden_size": 32, "intermediate_size": 40, **SMALL}
LOOKING = {"is_decoder": True, "add_cross_attention": True}
GPT2 = {"model_type": "gpt2", "vocab_size": 99, "n_embd": 40, "n_layer": 2, "n_head": 4, "n_positions": 40, **LOOKING}
ROBERTA = {**ENCODER, "model_type": "roberta", "pad_token_id": 1}
SIZES = {f"decoder_{name}": size for name, size in (("layers", 2), ("attention_heads", 4), ("ffn_dim", 40))}
BART = {"model_type": "bart", "vocab_size": 99, "d_model": 32, "max_position_embeddings": 40, **SIZES}


CASE = Case(
    config_class="EncoderDecoderConfig",
    config={
        "encoder": ENCODER,
        "decoder": {**ENCODER, "hidden_size": 40, **LOOKING},
        "pad_token_id": PAD,
        "decoder_start_token_id": 1,
    },
    heads={"EncoderDecoderModel": Head(lambda: both(PAD), labels(PAD), generates=True)},
    variants={
        "bert and bert": {"decoder": {**ENCODER, **LOOKING}},
        "bert and gpt2": {"decoder": GPT2},
        "roberta and bart": {"encoder": ROBERTA, "decoder": {**BART, "is_encoder_decoder": False, "is_decoder": True}},
        "untied": {"decoder": {**ENCODER, **LOOKING, "tie_word_embeddings": False}},
    },
)
