"""XLM-RoBERTa: every head, tied and untied."""

from kit.text_encoders import roberta_case

CASE = roberta_case("XLMRoberta", untied={"tie_word_embeddings": False})
