"""The parameters of every public callable, compared with the published ones: their names, and their order where it counts."""

import inspect
import warnings
from collections.abc import Iterator
from fnmatch import fnmatch
from functools import cache
from typing import Any, get_type_hints

import pytest
import torch

import bestiary
from bestiary.hub.options import HubKeywords
from bestiary.hub.push import push_folder
from bestiary.modeling.explaining import OF_EVERY_CALL
from bestiary.modeling.opening import OpenKeywords
from bestiary.modeling.saving import save_model

transformers = pytest.importorskip("transformers")


def signature_of(function: Any) -> frozenset[str]:
    """Names of the parameters of `function`."""
    return frozenset(inspect.signature(function).parameters)


TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 20}
# What callables take as keywords that their own signature does not name: what they hand on says it.
SAVING = {*signature_of(save_model), *signature_of(push_folder)}
KEYWORDS = {
    "*.from_pretrained": {*get_type_hints(HubKeywords), *get_type_hints(OpenKeywords)},
    "PreTrainedModel.save_pretrained": SAVING,
    "PreTrainedModel.push_to_hub": SAVING,
    "*Tokenizer.prepare_for_model": signature_of(bestiary.PreTrainedTokenizer.__call__),
    "ProcessorMixin.apply_chat_template": signature_of(bestiary.PreTrainedTokenizerFast.apply_chat_template),
    "*.forward": OF_EVERY_CALL,  # model(...) takes them, and keeps them from its forward
}
# Callable:parameter -> why it is not there. Several patterns are separated by blanks.
NOT_THERE = {
    "*Config:_out_features *Config:_out_indices": "private; taken without the underscore",
    "*Config:transformers_version": "says who wrote a file; what is kept of it is not a setting",
    "KimiLinearConfig:n_* KimiLinearConfig:num_experts_per_tok KimiLinearConfig:norm_topk_prob"
    " KimiLinearConfig:num_local_experts KimiLinearConfig:max_position_embeddings": "taken as another name of a field",
    "XLM*.forward:cache": "no forward gives one back that could be passed again",
    "ContinuousBatching*:* ContinuousMixin.*:*": "the engine plans by itself; pausing and warming up are not there yet",
    "HqqConfig.from_dict:config": "called config_dict, as of all settings",
    "DataCollator*_call:examples": "called features in every collator",
    "*.crop:tokens_to_remove": "called max_length, as in every release before 5.20, where it is the length to keep",
    "*.from_pretrained:weights_only *.from_pretrained:disable_mmap": "weights are always read so that no code can run, by map",
    "*.from_pretrained:fusion_config *.set_attn_implementation:allow_all_kernels": "kernels are not fetched from the hub",
    "*.push_to_hub:max_shard_size": "only a model has shards, and there it is taken",
    "PreTrainedModel.save_pretrained:save_original_format": "not there yet",
    "PreTrainedModel.load_adapter:load_config": "how the model itself was opened; the published opening hands it on",
    "PreTrainedModel.save_pretrained:distributed_checkpoint": "not there yet",
    "PreTrainedModel.tie_weights:*": "ties are settled while loading, by the keys of the file",
    "*.prepare_inputs_for_generation:*": "what generation hands on is named by the family's forward",
    "*Tokenizer*:errors *Tokenizer*:use_default_system_prompt *Tokenizer*:clean_up_tokenization_spaces": "kept, as any option",
    "LlamaTokenizer*:add_prefix_space GPT2Tokenizer*:pad_token *Tokenizer*:additional_special_tokens"
    " NllbTokenizer*:extra_special_tokens": "kept, as any option",
    "*Tokenizer*:_spm_precompiled_charsmap": "private; it is in the vocabulary's file",
    "*Tokenizer*:vocab_file": "the same as vocab, taken by name",
    "WhisperTokenizer*:vocab WhisperTokenizer*:merges": "taken by place and by name, and handed on",
    "Qwen3MoeConfig:num_experts": "another name of num_local_experts, which is taken",
    "*Config:num_logits_to_keep": "generation asks for the logits that it needs; kept, as any value",
    "*Config:pretraining_tp": "how a model was split while it was trained; kept, as any value",
    "ProcessorMixin.apply_chat_template:*": "images in conversations are not there yet",
    "*Tokenizer.save_pretrained:save_format": "one format, which all releases read",
    "*Processor.preprocess:* *ImageProcessor.pad:*": "hooks of the published base classes",
    "*.from_dict:*_dict": "called config_dict in every class",
    "ProcessorMixin.__call__:*": "a processor takes the inputs of the parts that it has",
    "Detr*.forward:inputs_embeds TableTransformer*.forward:inputs_embeds ConditionalDetr*.forward:inputs_embeds"
    " DeformableDetr*.forward:inputs_embeds": "published, and without effect there",
    "RTDetr*.forward:inputs_embeds DFine*.forward:inputs_embeds": "published, and fails there, whatever it is",
    "SegformerLayer:*": "taken by place, and handed on",
    "DetrForSegmentation.forward:* ConditionalDetrForSegmentation.forward:*": "the inputs of the detector, handed on",
    "*Layer.forward:* LongformerSelfAttention.forward:*": "called layer(x, mask, cache, ...)",
    "BigBirdLayer:seed": "called layer_idx, as in every family; it is the seed of random blocks",
    "LongformerSelfAttention:layer_id": "called layer_idx, as in every family",
    "DebertaV2Tokenizer*:unk_id XLNetTokenizer*:unk_id": "the place of unk_token in the file says it",
    "XLNetTokenizer*:remove_space"
    " AlbertTokenizer*:trim_offsets GPTNeoXTokenizer*:trim_offsets Gemma3TextConfig:attn_logit_softcapping"
    " GPTNeoXFor*.forward:token_type_ids *ForPrediction.generate:output_*"
    " SwitchTransformersEncoderModel.forward:use_cache"
    " PatchTSTModel.forward:future_values BioGptFor*.forward:token_type_ids": "published, and without effect there",
    "Gemma4TextModel.forward:logits_to_keep": "published to compute less; states at other places are given here",
    "BioGptForSequenceClassification.forward:logits_to_keep"
    " Zamba2ForSequenceClassification.forward:logits_to_keep": "published, and of no use where one token is classified",
    "*Config:num_mtp_layers": "layers that guess further tokens, which no published class has; kept, as any value",
    "*.set_input_embeddings:new_embeddings *.set_output_embeddings:word_embeddings": "called value, as by most",
    "T5GemmaFor*Classification.forward:*": "the same inputs as T5GemmaModel, handed on",
    "FSMT*.set_output_embeddings:value": "called new_embeddings, as by most",
    "*Pipeline.preprocess:* *Pipeline.postprocess:* *Pipeline:args_parser": "the steps inside of a pipeline are its own",
    "*.prepare_annotation:return_segmentation_masks *.resize_annotation:threshold"
    " *.resize_annotation:resample": "masks of annotations are not there yet",
    "RagTokenForGeneration.generate:*": "handed on to the generate of any model, which takes them",
    "*TrainingArguments:*activation_checkpointing*"
    " *TrainingArguments.set_training:activation_checkpointing": "the newer name of gradient_checkpointing, which is taken",
    "*TrainingArguments:enable_jit_checkpoint"
    " *TrainingArguments:eval_use_gather_object": "taken; what they choose is always so",
    "*TrainingArguments:*liger* *TrainingArguments:parallelism_config": "not there yet, and refused in words",
    "AutomaticSpeechRecognitionPipeline:*": "handed on to Pipeline, which takes them",
}


@cache
def named() -> dict[str, tuple[Any, Any]]:
    """Public name -> ours and the published object, of what both have."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        both = {name: (getattr(bestiary, name), getattr(transformers, name, None)) for name in bestiary.__all__}
    return {name: pair for name, pair in both.items() if callable(pair[1])}


def signature(function: Any) -> dict[str, inspect.Parameter] | None:
    """Name -> parameter, without `self`; None where Python knows none."""
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return None
    return {name: each for name, each in parameters.items() if name not in ("self", "cls")}


def pairs() -> Iterator[tuple[str, Any, Any]]:
    """Name, ours and the published one, of every public function, constructor, and method that both have."""
    seen = set()
    for name, (ours, published) in named().items():
        yield name, ours, published
        if not inspect.isclass(published):
            continue
        for method, _ in inspect.getmembers(published, inspect.isroutine):
            owner = next((each for each in published.__mro__ if method in vars(each)), object)
            known = (owner, method) in seen or not owner.__module__.startswith("transformers")
            if known or (method.startswith("_") and method != "__call__") or not hasattr(ours, method):
                continue
            seen.add((owner, method))
            yield f"{name}.{method}", getattr(ours, method), getattr(published, method)


def differences(name: str, ours: Any, published: Any) -> list[str]:
    """What a caller of the published callable would miss in ours: names that it does not take, another order by place."""
    here, there = signature(ours), signature(published)
    if there is None or here is None:
        return []
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    names = [each.name for each in there.values() if each.kind not in variable]
    known = {word for pattern, words in KEYWORDS.items() if fnmatch(name, pattern) for word in words}
    missing = [each for each in names if each not in here and each not in known]
    by_place = [each for each in here if each in names and here[each].kind is not inspect.Parameter.KEYWORD_ONLY]
    order = [f"{name}: takes {by_place} by place"] if by_place != [each for each in names if each in by_place] else []
    return [f"{name}:{each}" for each in missing] + order


def excused(difference: str) -> set[str]:
    """The patterns of `NOT_THERE` that cover a difference."""
    return {pattern for patterns in NOT_THERE for pattern in patterns.split() if fnmatch(difference, pattern)}


def test_every_published_parameter_is_taken_or_said_to_be_missing() -> None:
    every = [each for name, ours, published in pairs() for each in differences(name, ours, published)]
    assert [each for each in every if not excused(each)] == []
    stale = {pattern for patterns in NOT_THERE for pattern in patterns.split()} - {p for each in every for p in excused(each)}
    assert not stale
    assert len(list(pairs())) > 500


@pytest.mark.parametrize("name", ["BertForMaskedLM", "LlamaForCausalLM", "T5ForConditionalGeneration", "MistralForCausalLM"])
def test_what_a_head_hands_on_shows_in_its_forward(name: str) -> None:
    shown = inspect.signature(getattr(bestiary, name).forward).parameters
    assert {"inputs_embeds", "labels"} <= shown.keys()
    assert all(each.kind is not inspect.Parameter.VAR_KEYWORD for each in shown.values())


def test_a_model_takes_its_inputs_in_the_published_order() -> None:
    torch.manual_seed(0)
    bert = bestiary.BertForSequenceClassification(bestiary.BertConfig(**TINY)).eval()
    ids, mask, segments = torch.randint(9, (2, 5)), torch.ones(2, 5).long(), torch.ones(2, 5).long()
    assert torch.equal(bert(ids, mask, segments).logits, bert(ids, attention_mask=mask, token_type_ids=segments).logits)
    gpt2 = bestiary.GPT2LMHeadModel(bestiary.GPT2Config(**TINY)).eval()
    past = gpt2(ids[:, :3]).past_key_values
    assert torch.allclose(gpt2(ids[:, 3:], past).logits, gpt2(ids).logits[:, 3:], atol=1e-5)
    with pytest.raises(bestiary.ArgumentError, match="past_key_values by place and by name"):
        gpt2(ids, None, past_key_values=None)


def test_a_config_and_a_model_show_what_they_are_built_from() -> None:
    assert list(inspect.signature(bestiary.BertModel).parameters) == ["config", "add_pooling_layer"]
    for function in (bestiary.BertConfig, bestiary.BertConfig.__init__):
        assert inspect.signature(function).parameters["hidden_size"].default == 768
    assert "greenlist_ratio" in inspect.signature(bestiary.WatermarkingConfig).parameters
    assert "do_lower_case" in inspect.signature(bestiary.BertTokenizer).parameters
    assert list(inspect.signature(bestiary.CLIPProcessor).parameters)[:2] == ["image_processor", "tokenizer"]


def test_what_a_user_writes_says_itself_what_it_takes() -> None:
    class Config(bestiary.BertConfig):
        def __init__(self, extra: int = 1, **kwargs: Any) -> None:
            super().__init__(**kwargs)
            self.extra = extra

    class Classifier(bestiary.BertForSequenceClassification):
        def forward(this, input_ids: Any, attention_mask: Any = None, bonus: float = 0.0, **inputs: Any) -> Any:
            output = super().forward(input_ids, attention_mask, **inputs)
            output.logits = output.logits + bonus
            return output

    class Processor(bestiary.ProcessorMixin):
        def __init__(self, tokenizer: Any = None, scale: float = 1.0) -> None:
            self.tokenizer, self.scale = tokenizer, scale

    class Tokenizer(bestiary.PreTrainedTokenizerFast):
        def __init__(self, vocabulary: str) -> None: ...

    assert list(inspect.signature(Config).parameters) == ["extra", "kwargs"]
    assert (Config(4).extra, Config(hidden_size=24).hidden_size) == (4, 24)
    assert list(inspect.signature(Processor).parameters) == ["tokenizer", "scale"]
    assert list(inspect.signature(Tokenizer).parameters) == ["vocabulary"]
    assert list(inspect.signature(Classifier.forward).parameters)[1:4] == ["input_ids", "attention_mask", "bonus"]
    ids = torch.tensor([[1, 2]])
    model = Classifier(bestiary.BertConfig(**TINY)).eval()
    assert torch.equal(model(ids, None, 1.0).logits, model(ids).logits + 1.0)
    for wrong in (torch.tensor([[20]]), torch.tensor([[1, 20]])):
        with pytest.raises(IndexError):
            model(wrong)


OPENED: dict[str, set[str]] = {
    "BertModel": {"config", "cache_dir", "force_download", "local_files_only", "token", "revision", "use_safetensors"},
    "BertConfig": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
    "GenerationConfig": {"config_file_name", "cache_dir", "force_download", "local_files_only", "token", "revision"},
    "CLIPProcessor": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
    "BertTokenizer": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
    "PreTrainedTokenizer": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
    "CLIPImageProcessor": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
    "WhisperFeatureExtractor": {"cache_dir", "force_download", "local_files_only", "token", "revision"},
}


@pytest.mark.parametrize("name", OPENED)
def test_what_opens_shows_its_options(name: str) -> None:
    """Those that the published one shows; `revision` is None here, which is the main branch."""
    ours, theirs = (
        inspect.signature(getattr(library, name).from_pretrained).parameters for library in (bestiary, transformers)
    )
    assert OPENED[name] <= ours.keys() & theirs.keys()
    for option in OPENED[name] - {"revision"}:
        assert ours[option].default == theirs[option].default, option
    saving = inspect.signature(bestiary.BertModel.save_pretrained).parameters
    assert {"save_directory", "is_main_process", "state_dict", "push_to_hub", "max_shard_size", "variant"} <= saving.keys()
