"""XLM-RoBERTa-XL: every head, as an encoder and as a decoder that looks at an encoder."""

from kit.text_encoders import roberta_case

CASE = roberta_case("XLMRobertaXL", decoder={"is_decoder": True}, untied={"tie_word_embeddings": False})
