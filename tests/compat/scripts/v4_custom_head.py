"""Release 4: a class of one's own over modules that are imported from the family's file, saved and opened again."""

import sys
import tempfile

import torch
from torch import nn
from transformers.configuration_utils import PretrainedConfig
from transformers.models.bert.configuration_bert import BertConfig
from transformers.models.bert.modeling_bert import BertModel, BertPreTrainedModel
from transformers.trainer_utils import set_seed
from transformers.utils import CONFIG_NAME, is_torch_available


class BertWithScore(BertPreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.bert = BertModel(config)
        self.dropout = nn.Dropout(config.hidden_dropout_prob)
        self.score = nn.Linear(config.hidden_size, 1)
        self.post_init()

    def forward(self, input_ids, attention_mask=None):
        states = self.bert(input_ids, attention_mask=attention_mask)
        return self.score(self.dropout(states.last_hidden_state[:, 0])).squeeze(-1)


assert is_torch_available()
assert issubclass(BertConfig, PretrainedConfig)
set_seed(3)
numbers = torch.rand(2).tolist()
config = BertConfig.from_pretrained(sys.argv[1] + "/bert", hidden_dropout_prob=0.0)
model = BertWithScore(config).eval()
ids = torch.tensor([[2, 17, 23, 3]])
with tempfile.TemporaryDirectory() as folder:
    model.save_pretrained(folder)
    again = BertWithScore.from_pretrained(folder).eval()
with torch.no_grad():
    same = torch.equal(model(ids), again(ids))
print(same, CONFIG_NAME, [round(x, 5) for x in numbers], sorted(name for name, _ in again.named_parameters())[-3:])
