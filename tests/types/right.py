"""A program whose types are right: checkers find nothing, and see of each expression what the comment behind it says."""

from typing import Any, reveal_type

import torch

from bestiary import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoImageProcessor,
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForImageClassification,
    AutoModelForSeq2SeqLM,
    AutoModelForSpeechSeq2Seq,
    AutoProcessor,
    AutoTokenizer,
    BertConfig,
    BertForMaskedLM,
    BertForTokenClassification,
    GenerationConfig,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaModel,
    MistralConfig,
    MistralForCausalLM,
    MixtralForSequenceClassification,
    MixtralModel,
    T5ForConditionalGeneration,
    TaskName,
    TextGenerationPipeline,
    pipeline,
)

ids = torch.tensor([[1, 2, 3]])

# configs
config = LlamaConfig(hidden_size=64, num_hidden_layers=2, num_labels=3, torch_dtype="bfloat16", attn_implementation="eager")
reveal_type(config.hidden_size)  # int
reveal_type(config.num_labels)  # int
reveal_type(LlamaConfig.from_pretrained("folder", hidden_size=32))  # LlamaConfig
reveal_type(AutoConfig.from_pretrained("folder"))  # PreTrainedConfig
reveal_type(LlamaConfig.from_pretrained("folder", return_unused_kwargs=True))  # tuple[LlamaConfig, dict[str, Any]]
settings = GenerationConfig(max_new_tokens=5, do_sample=True, top_k=50, eos_token_id=[1, 2])
reveal_type(settings.max_new_tokens)  # int | None
reveal_type(GenerationConfig.from_pretrained("folder"))  # GenerationConfig

# opening
reveal_type(LlamaForCausalLM.from_pretrained("folder", dtype="bfloat16", device_map="auto"))  # LlamaForCausalLM
reveal_type(BertForMaskedLM.from_pretrained("folder", hidden_dropout_prob=0.0, revision="main"))  # BertForMaskedLM
reveal_type(MistralForCausalLM.from_pretrained("folder", dtype="bfloat16"))  # MistralForCausalLM
reveal_type(MixtralModel.from_pretrained("folder").config)  # MixtralConfig
loaded = GPT2LMHeadModel.from_pretrained("folder", output_loading_info=True)
reveal_type(loaded)  # tuple[GPT2LMHeadModel, dict[str, Any]]
reveal_type(AutoModel.from_pretrained("folder"))  # PreTrainedModel
reveal_type(AutoModelForCausalLM.from_pretrained("folder", torch_dtype=torch.float16, num_labels=2))  # CausalLM
reveal_type(AutoModelForCausalLM.from_pretrained("folder", output_loading_info=True))  # tuple[CausalLM, dict[str, Any]]
reveal_type(AutoModelForSeq2SeqLM.from_config(config))  # GeneratingSeq2Seq
reveal_type(AutoModelForImageClassification.from_pretrained("folder"))  # ImageClassifier
reveal_type(AutoTokenizer.from_pretrained("folder", padding_side="left"))  # TokenizersBackend
reveal_type(AutoImageProcessor.from_pretrained("folder"))  # BaseImageProcessor
reveal_type(AutoFeatureExtractor.from_pretrained("folder"))  # FeatureExtractionMixin
reveal_type(AutoProcessor.from_pretrained("folder"))  # ProcessorMixin

# calling
llama = LlamaForCausalLM(config)
reveal_type(llama(ids, labels=ids))  # CausalLMOutput
reveal_type(llama(ids).logits)  # Tensor
reveal_type(llama(ids).loss)  # Tensor | None
reveal_type(llama(ids, return_dict=False))  # tuple[Any, ...]
reveal_type(LlamaModel(config)(input_ids=ids, output_hidden_states=True).hidden_states)  # tuple[Tensor, ...] | None
mistral = MistralForCausalLM(MistralConfig())
reveal_type(mistral(ids).logits)  # Tensor
reveal_type(mistral.generate(ids, max_new_tokens=5))  # Tensor
reveal_type(mistral.config.sliding_window)  # int | None
reveal_type(MixtralForSequenceClassification.from_pretrained("folder")(ids))  # SequenceClassifierOutput
reveal_type(BertForTokenClassification(BertConfig())(ids))  # TokenClassifierOutput
reveal_type(T5ForConditionalGeneration.from_pretrained("folder")(input_ids=ids))  # Seq2SeqLMOutput
reveal_type(AutoModelForImageClassification.from_pretrained("folder")(pixel_values=ids).logits)  # Tensor

# generating
tokenizer = AutoTokenizer.from_pretrained("folder")
model = AutoModelForCausalLM.from_pretrained("folder")
reveal_type(model.generate(ids, max_new_tokens=5, do_sample=True, top_p=0.9, seed=[1, 2]))  # Tensor
model.generate(**tokenizer("text", return_tensors="pt"), num_beams=2, stop_strings=".")
reveal_type(model.generate(tokenizer("text", return_tensors="pt"), num_beams=2, stop_strings="."))  # Tensor
reveal_type(model.generate(input_ids=ids, attention_mask=ids, return_dict_in_generate=True).sequences)  # Tensor
answer = model.generate(ids, settings)
if isinstance(answer, torch.Tensor):
    reveal_type(answer)  # Tensor
else:
    reveal_type(answer.finish_reasons)  # list[str] | None
reveal_type(model.generation_settings(settings, top_k=5))  # GenerationConfig
for step in model.generate_steps(ids, max_new_tokens=5, generation_config=settings):
    reveal_type(step)  # Step
AutoModelForSpeechSeq2Seq.from_pretrained("folder").generate(input_features=ids, language="en", temperature=(0.0, 0.2))
further: dict[str, Any] = {"an_argument_of_my_function": 1}
model.generate(ids, custom_generate=print, **further)

# pipelines


class Mine(TextGenerationPipeline): ...


reveal_type(pipeline("text-generation", max_new_tokens=5, device="cpu"))  # TextGenerationPipeline
reveal_type(pipeline("sentiment-analysis", model="folder", top_k=2, truncation=True))  # TextClassificationPipeline
reveal_type(pipeline("ner", "folder", aggregation_strategy="simple", dtype="auto"))  # TokenClassificationPipeline
reveal_type(pipeline("automatic-speech-recognition", "folder", chunk_length_s=30))  # AutomaticSpeechRecognitionPipeline
reveal_type(pipeline("translation_en_to_fr", model="folder", src_lang="en"))  # TranslationPipeline
reveal_type(pipeline(TaskName("my-task"), model="folder", anything=1))  # Pipeline
reveal_type(pipeline(model="folder"))  # Pipeline
reveal_type(pipeline("text-generation", model="folder", pipeline_class=Mine))  # Mine
