"""Release 4: generation with rules of one's own from the documented submodules, and a streamer."""

import sys

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, TextStreamer
from transformers.generation.logits_process import LogitsProcessor, LogitsProcessorList, MinLengthLogitsProcessor
from transformers.generation.stopping_criteria import MaxLengthCriteria, StoppingCriteria, StoppingCriteriaList
from transformers.generation.utils import GenerationMixin

folder = sys.argv[1] + "/gpt2"


class Forbid(LogitsProcessor):
    def __init__(self, token):
        self.token = token

    def __call__(self, input_ids, scores):
        scores = scores.clone()
        scores[:, self.token] = -float("inf")
        return scores


class StopAtLength(StoppingCriteria):
    def __call__(self, input_ids, scores, **kwargs):
        return torch.full((input_ids.shape[0],), input_ids.shape[1] >= 12, dtype=torch.bool)


tokenizer = AutoTokenizer.from_pretrained(folder, use_fast=True)
model = AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32)
assert isinstance(model, GenerationMixin)
inputs = tokenizer("Paris is the capital", return_tensors="pt")
first = model.generate(**inputs, max_new_tokens=1, do_sample=False)
options = {"do_sample": False, "pad_token_id": 0, "eos_token_id": None}
output = model.generate(
    **inputs,
    max_new_tokens=20,
    logits_processor=LogitsProcessorList([Forbid(int(first[0, -1])), MinLengthLogitsProcessor(5, 2)]),
    stopping_criteria=StoppingCriteriaList([StopAtLength(), MaxLengthCriteria(15)]),
    **options,
)
print(output.tolist())
print(tokenizer.batch_decode(output, skip_special_tokens=True))
settings = GenerationConfig(max_new_tokens=4, **options)
model.generate(**inputs, generation_config=settings, streamer=TextStreamer(tokenizer, skip_prompt=True))
result = model.generate(**inputs, generation_config=settings, return_dict_in_generate=True, output_scores=True)
print(len(result.scores), result.sequences.shape, result.scores[0].shape)
