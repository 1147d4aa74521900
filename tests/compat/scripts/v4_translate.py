"""Release 4: an encoder-decoder with labels made by a second call of the tokenizer."""

import sys

import torch
from transformers import T5ForConditionalGeneration, T5TokenizerFast
from transformers.modeling_outputs import Seq2SeqLMOutput

folder = sys.argv[1] + "/t5"
tokenizer = T5TokenizerFast.from_pretrained(folder)
model = T5ForConditionalGeneration.from_pretrained(folder)
inputs = tokenizer(["Hello world", "Paris is the capital of France"], padding=True, return_tensors="pt")
labels = tokenizer(text_target=["A good film", "Berlin"], padding=True, return_tensors="pt").input_ids
labels[labels == tokenizer.pad_token_id] = -100
output = model(**inputs, labels=labels)
assert isinstance(output, Seq2SeqLMOutput)
output.loss.backward()
norm = torch.nn.utils.clip_grad_norm_(model.parameters(), 1e9)
print(round(output.loss.item(), 4), round(float(norm), 3))
model.eval()
print(model.generate(**inputs, max_new_tokens=8, num_beams=1, do_sample=False).tolist())
