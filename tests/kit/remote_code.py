"""A checkpoint whose family, tokenizer and preprocessors are in its own files, written as people publish such code."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers

CONFIG = """
from transformers import PretrainedConfig
from .sizes_strange import WIDTH


class StrangeConfig(PretrainedConfig):
    model_type = "strange"

    def __init__(self, vocab_size=20, hidden_size=WIDTH, num_hidden_layers=2, **kwargs):
        self.vocab_size = vocab_size
        self.hidden_size = hidden_size
        self.num_hidden_layers = num_hidden_layers
        super().__init__(**kwargs)
"""
SIZES = "WIDTH = 8\n"
BLOCK = """
import torch
from torch import nn
from .configuration_strange import StrangeConfig
from .sizes_strange import WIDTH


class Block(nn.Module):
    def __init__(self, config: StrangeConfig):
        super().__init__()
        self.mix = nn.Linear(config.hidden_size, WIDTH)

    def forward(self, x):
        return x + torch.tanh(self.mix(x))
"""
MODEL = """
import torch
from torch import nn
import transformers
import transformers.modeling_utils as modeling_utils
from transformers import GenerationMixin
from transformers.modeling_outputs import BaseModelOutput, CausalLMOutputWithPast
from transformers.utils import logging
from .configuration_strange import StrangeConfig
from .blocks_strange import Block

try:
    import a_package_that_nobody_has
except ImportError:
    a_package_that_nobody_has = None

logger = logging.get_logger(__name__)


class StrangePreTrainedModel(modeling_utils.PreTrainedModel):
    config_class = StrangeConfig
    base_model_prefix = "model"

    def _init_weights(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            module.weight.data.normal_(mean=0.0, std=0.5)


class StrangeModel(StrangePreTrainedModel):
    def __init__(self, config):
        super().__init__(config)
        self.embed_tokens = nn.Embedding(config.vocab_size, config.hidden_size)
        self.layers = nn.ModuleList([Block(config) for _ in range(config.num_hidden_layers)])
        self.post_init()

    def get_input_embeddings(self):
        return self.embed_tokens

    def set_input_embeddings(self, value):
        self.embed_tokens = value

    def forward(self, input_ids, attention_mask=None, **kwargs):
        from transformers import set_seed  # an import of use, long after the file ran
        assert set_seed.__module__.split(".")[0] == transformers.PreTrainedModel.__module__.split(".")[0]
        x = self.embed_tokens(input_ids)
        for layer in self.layers:
            x = layer(x)
        x = x.cumsum(1) / torch.arange(1, x.shape[1] + 1)[None, :, None]
        return BaseModelOutput(last_hidden_state=x)


class StrangeForCausalLM(StrangePreTrainedModel, GenerationMixin):
    def __init__(self, config):
        super().__init__(config)
        self.model = StrangeModel(config)
        self.lm_head = nn.Linear(config.hidden_size, config.vocab_size, bias=False)
        self.post_init()

    def get_input_embeddings(self):
        return self.model.embed_tokens

    def get_output_embeddings(self):
        return self.lm_head

    def prepare_inputs_for_generation(self, input_ids, attention_mask=None, **kwargs):
        return {"input_ids": input_ids, "attention_mask": attention_mask}

    def forward(self, input_ids, attention_mask=None, labels=None, **kwargs):
        x = self.model(input_ids, attention_mask).last_hidden_state
        logits = self.lm_head(x)
        loss = None
        if labels is not None:
            loss = nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten())
        return CausalLMOutputWithPast(loss=loss, logits=logits)
"""
TOKENIZER = """
from transformers import PreTrainedTokenizerFast


class StrangeTokenizerFast(PreTrainedTokenizerFast):
    def shout(self, text):
        return self(text.upper())
"""
IMAGES = """
import numpy as np
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature


class StrangeImageProcessor(BaseImageProcessor):
    model_input_names = ["pixel_values"]

    def __init__(self, factor=2, **kwargs):
        super().__init__(**kwargs)
        self.factor = factor

    def preprocess(self, images, return_tensors=None, **kwargs):
        return BatchFeature({"pixel_values": [np.asarray(image) * self.factor for image in images]}, tensor_type=return_tensors)
"""
SOUNDS = """
import numpy as np
from transformers import BatchFeature, SequenceFeatureExtractor


class StrangeFeatureExtractor(SequenceFeatureExtractor):
    model_input_names = ["input_values"]

    def __init__(self, feature_size=1, sampling_rate=16000, padding_value=0.0, factor=3, **kwargs):
        super().__init__(feature_size=feature_size, sampling_rate=sampling_rate, padding_value=padding_value, **kwargs)
        self.factor = factor

    def __call__(self, sounds, return_tensors=None):
        return BatchFeature({"input_values": [np.asarray(sound) * self.factor for sound in sounds]}, tensor_type=return_tensors)
"""
PROCESSOR = """
from transformers.processing_utils import ProcessorMixin


class StrangeProcessor(ProcessorMixin):
    attributes = ["image_processor", "tokenizer"]
    image_processor_class = "AutoImageProcessor"
    tokenizer_class = "AutoTokenizer"

    def __init__(self, image_processor=None, tokenizer=None, word="a", **kwargs):
        super().__init__(image_processor, tokenizer)
        self.word = word

    def __call__(self, images=None, text=None, **kwargs):
        pixels = self.image_processor(images)
        return {"pixel_values": pixels["pixel_values"], "input_ids": self.tokenizer.shout(f"{self.word} {text}")["input_ids"]}
"""
PAIR = """
import numpy as np
from transformers import Pipeline


class PairPipeline(Pipeline):
    def _sanitize_parameters(self, second=None, **kwargs):
        return ({} if second is None else {"second": second}), {}, {}

    def preprocess(self, text, second=None):
        return self.tokenizer(text, text_pair=second, return_tensors="pt")

    def _forward(self, model_inputs):
        return self.model(**model_inputs)

    def postprocess(self, model_outputs):
        return {"best": int(np.argmax(model_outputs.logits[0, -1].detach().numpy()))}
"""
FILES = {
    "configuration_strange.py": CONFIG,
    "sizes_strange.py": SIZES,
    "blocks_strange.py": BLOCK,
    "modeling_strange.py": MODEL,
}
PREPROCESSORS = {
    "tokenization_strange.py": TOKENIZER,
    "image_processing_strange.py": IMAGES,
    "feature_extraction_strange.py": SOUNDS,
    "processing_strange.py": PROCESSOR,
}
SETTINGS: dict[str, Any] = {
    "model_type": "strange",
    "vocab_size": 20,
    "hidden_size": 8,
    "num_hidden_layers": 2,
    "architectures": ["StrangeForCausalLM"],
    "auto_map": {
        "AutoConfig": "configuration_strange.StrangeConfig",
        "AutoModel": "modeling_strange.StrangeModel",
        "AutoModelForCausalLM": "modeling_strange.StrangeForCausalLM",
    },
}


def keep_apart(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Let both libraries keep allowed code in `folder`, and the published one forget what it has imported."""
    monkeypatch.setenv("HF_MODULES_CACHE", str(folder / "modules"))
    monkeypatch.setattr(transformers.dynamic_module_utils, "HF_MODULES_CACHE", str(folder / "their_modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])
    for name in [name for name in sys.modules if name.partition(".")[0] == "transformers_modules"]:
        monkeypatch.delitem(sys.modules, name)


def write(folder: Path, **settings: Any) -> Path:
    """The family in `folder`, with a tokenizer that is ours, and no weights; `settings` change config.json."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "config.json").write_text(json.dumps({**SETTINGS, **settings}))
    return folder


def write_tokenizer(folder: Path, **settings: Any) -> None:
    """A tokenizer of four words in `folder`; `settings` change tokenizer_config.json."""
    rust = Tokenizer(models.WordLevel({"[UNK]": 0, "a": 1, "b": 2, "A": 3, "B": 4}, unk_token="[UNK]"))
    rust.pre_tokenizer = pre_tokenizers.Whitespace()
    rust.save(str(folder / "tokenizer.json"))
    values = {"tokenizer_class": "PreTrainedTokenizerFast", "unk_token": "[UNK]", "pad_token": "[UNK]", **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(values))


def write_preprocessors(folder: Path, kind: str) -> None:
    """A tokenizer of the family's own, and its preprocessor of the `kind` "image" or "sound"."""
    for name, text in PREPROCESSORS.items():
        (folder / name).write_text(text)
    table = {"AutoTokenizer": [None, "tokenization_strange.StrangeTokenizerFast"]}
    write_tokenizer(folder, tokenizer_class="StrangeTokenizer", auto_map=table)
    values = {
        "image": {
            "factor": 5,
            "image_processor_type": "StrangeImageProcessor",
            "auto_map": {"AutoImageProcessor": "image_processing_strange.StrangeImageProcessor"},
        },
        "sound": {
            "factor": 5,
            "feature_extractor_type": "StrangeFeatureExtractor",
            "auto_map": {"AutoFeatureExtractor": "feature_extraction_strange.StrangeFeatureExtractor"},
        },
    }
    (folder / "preprocessor_config.json").write_text(json.dumps(values[kind]))
