"""Release 4: sequence classification with explicit classes, padding, pairs, the older dtype keyword."""

import sys

import torch
import transformers
from transformers import AutoConfig, BertForSequenceClassification, BertTokenizerFast
from transformers.modeling_outputs import SequenceClassifierOutput
from transformers.tokenization_utils_base import BatchEncoding
from transformers.utils import logging

logging.set_verbosity_error()
transformers.logging.set_verbosity_error()
logger = logging.get_logger(__name__)
folder = sys.argv[1] + "/bert_classifier"

config = AutoConfig.from_pretrained(folder, num_labels=3)
assert isinstance(config, transformers.PretrainedConfig)
tokenizer = BertTokenizerFast.from_pretrained(folder)
model = BertForSequenceClassification.from_pretrained(folder, torch_dtype=torch.float32, low_cpu_mem_usage=True)
model.eval()
encoding = tokenizer(
    ["A good film", "My name is Sarah"],
    text_pair=["Hello world", "I live in London, where it rains a lot"],
    padding="max_length",
    max_length=24,
    truncation="longest_first",
    return_tensors="pt",
    return_offsets_mapping=True,
)
assert isinstance(encoding, BatchEncoding)
offsets = encoding.pop("offset_mapping")
with torch.no_grad():
    output = model(**encoding, labels=torch.tensor([0, 1]), return_dict=True)
assert isinstance(output, SequenceClassifierOutput)
print(config.num_labels, config.id2label, encoding["input_ids"].tolist(), offsets.tolist())
print([round(x, 4) for x in output.logits.softmax(-1).flatten().tolist()], round(output.loss.item(), 4))
print(model.config.id2label[int(output.logits[0].argmax())], model.num_parameters())
tuples = model(**encoding, return_dict=False)
print(type(tuples).__name__, len(tuples))
