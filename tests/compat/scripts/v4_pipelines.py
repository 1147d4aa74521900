"""Release 4: pipelines by task and by model."""

import sys

import transformers
from transformers import pipeline
from transformers.pipelines import TextClassificationPipeline
from transformers.pipelines.pt_utils import KeyDataset

folder = sys.argv[1]
classifier = pipeline("sentiment-analysis", model=folder + "/bert_classifier", device=-1)
assert isinstance(classifier, TextClassificationPipeline)
for answer in classifier(["A good film", "Hello world"], batch_size=2):
    print(answer["label"], round(answer["score"], 4))
data = [{"text": "A good film"}, {"text": "Hello"}]
print([answer["label"] for answer in classifier(KeyDataset(data, "text"))])
model = transformers.AutoModelForCausalLM.from_pretrained(folder + "/llama")
tokenizer = transformers.AutoTokenizer.from_pretrained(folder + "/llama")
writer = pipeline("text-generation", model=model, tokenizer=tokenizer)
print(writer("Hello world", max_new_tokens=5, do_sample=False)[0]["generated_text"])
