# ruff: noqa: B018
"""A program that is wrong in every line that says so."""

import torch

from bestiary import (
    AutoModelForCausalLM,
    BertForMaskedLM,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MistralForCausalLM,
    pipeline,
)

ids = torch.tensor([[1, 2, 3]])

LlamaConfig(hiden_size=64)  # wrong
LlamaConfig(hidden_size="64")  # wrong
GenerationConfig(max_new_token=5)  # wrong
GenerationConfig(top_k="many")  # wrong

BertForMaskedLM.from_pretrained("folder").generate(ids)  # wrong
BertForMaskedLM.from_pretrained(5)  # wrong
AutoModelForCausalLM.from_pretrained(["folder"])  # wrong
AutoModelForCausalLM.from_pretrained("folder", output_loading_info=True).generate(ids)  # wrong

model = AutoModelForCausalLM.from_pretrained("folder")
model(ids).logit  # wrong
LlamaForCausalLM(LlamaConfig())(ids).start_logits  # wrong
model(ids).loss.backward()  # wrong
model.generate(ids, max_new_token=5)  # wrong
MistralForCausalLM.from_pretrained("folder")(ids).start_logits  # wrong
model.generate(ids, num_beams="four")  # wrong
model.generate(ids).sequences  # wrong
model.generate(ids, return_dict_in_generate=True).shape  # wrong
model.generate_steps(ids, max_new_token=5)  # wrong
model.generation_settings(top_kk=5)  # wrong

pipeline("text-generatio")  # wrong
pipeline("text-generation", max_new_token=5)  # wrong
pipeline("fill-mask", model="folder", max_new_tokens=5)  # wrong
pipeline("text-generation", model="folder", devise="cpu")  # wrong
pipeline("my-task", model="folder")  # wrong
