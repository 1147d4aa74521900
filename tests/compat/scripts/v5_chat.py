"""Release 5: dtype, chat template, a cache that is passed on, attention chosen by name."""

import sys

from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache
from transformers.cache_utils import Cache
from transformers.utils.logging import disable_progress_bar

disable_progress_bar()
folder = sys.argv[1] + "/llama"
tokenizer = AutoTokenizer.from_pretrained(folder)
model = AutoModelForCausalLM.from_pretrained(folder, dtype="auto", attn_implementation="eager")
chat = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Where is Berlin?"}]
inputs = tokenizer.apply_chat_template(chat, add_generation_prompt=True, return_tensors="pt", return_dict=True)
print(inputs["input_ids"].tolist(), model.dtype)
cache = DynamicCache()
assert isinstance(cache, Cache)
output = model.generate(**inputs, max_new_tokens=6, do_sample=False, past_key_values=cache)
print(output.tolist(), cache.get_seq_length())
print(tokenizer.decode(output[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True))
logits = model(**inputs, logits_to_keep=1).logits
print(logits.shape, int(logits.argmax()))
