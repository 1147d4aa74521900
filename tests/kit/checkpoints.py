"""Tiny random checkpoints with tokenizers of their own, made and saved by the reference, opened by both libraries."""

import functools
from pathlib import Path
from typing import Any

import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, processors, trainers

from . import dense, tokenizer_files
from .families import spread
from .folders import kept_folder

TEXTS = [
    "My name is Sarah and I live in London, where it rains a lot.",
    "The quick brown fox jumps over the lazy dog.",
    "Paris is the capital of France; Berlin is the capital of Germany.",
    "A good film, in spite of its length. I would see it again tomorrow!",
    "Hello world",
    "Machine learning models learn from data, and data come from the world of people and their machines. " * 3,
]

CHAT_TEMPLATE = (
    "{% for message in messages %}<|{{ message['role'] }}|> {{ message['content'] }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|> {% endif %}"
)


@functools.cache
def wordpiece() -> transformers.PreTrainedTokenizerFast:
    """A lower-casing word-piece tokenizer with BERT's special tokens."""
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    roles = dict(zip(names, special, strict=True))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer_files.wordpiece(TEXTS, 200),
        model_max_length=64,
        model_input_names=["input_ids", "token_type_ids", "attention_mask"],
        **roles,
    )


@functools.cache
def bytelevel(**roles: str) -> transformers.PreTrainedTokenizerFast:
    """A byte-level BPE tokenizer: ids 0 to 2 are <pad>, <s>, </s>."""
    rust = tokenizers.Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<pad>", "<s>", "</s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    rust.train_from_iterator(TEXTS, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, model_max_length=256, bos_token="<s>", eos_token="</s>", pad_token="<pad>", **roles
    )
    tokenizer.chat_template = CHAT_TEMPLATE
    return tokenizer


BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "intermediate_size": 48,
    "max_position_embeddings": 64,
    "vocab_size": 200,
    "initializer_range": 0.3,
}
LLAMA = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 256,
    "vocab_size": 400,
    "pad_token_id": 0,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
}
GPT2 = {
    "n_embd": 32,
    "n_layer": 2,
    "n_head": 4,
    "n_positions": 256,
    "vocab_size": 400,
    "bos_token_id": 1,
    "eos_token_id": 2,
    "initializer_range": 0.3,
}
T5 = {
    "d_model": 32,
    "d_kv": 8,
    "d_ff": 48,
    "num_layers": 2,
    "num_heads": 4,
    "vocab_size": 150,
    "pad_token_id": 0,
    "eos_token_id": 1,
    "decoder_start_token_id": 0,
}


def save(config: Any, name: str, *preprocessors: Any) -> Path:
    """A folder with a random model of the reference's class `name`, its config and these preprocessors."""
    torch.manual_seed(0)
    model = getattr(transformers, name)(config).eval()
    spread(model)
    folder = kept_folder(name)
    model.save_pretrained(folder)
    for part in preprocessors:
        part.save_pretrained(folder)
    return folder


@functools.cache
def bert(name: str, labels: tuple[str, ...] = (), **values: Any) -> Path:
    """A folder with a BERT of class `name` whose labels are `labels`."""
    names = dict(enumerate(labels)) or {0: "LABEL_0", 1: "LABEL_1"}
    config = transformers.BertConfig(
        **{**BERT, **values}, id2label=names, label2id={label: index for index, label in names.items()}
    )
    return save(config, name, wordpiece())


@functools.cache
def llama(name: str = "LlamaForCausalLM", **values: Any) -> Path:
    """A folder with a Llama of class `name`."""
    return save(transformers.LlamaConfig(**{**LLAMA, **values}), name, bytelevel())


@functools.cache
def gpt2(name: str = "GPT2LMHeadModel", **values: Any) -> Path:
    """A folder with a GPT-2 of class `name`."""
    return save(transformers.GPT2Config(**{**GPT2, **values}), name, bytelevel())


@functools.cache
def t5(**values: Any) -> Path:
    """A folder with a T5 that writes text."""
    return save(transformers.T5Config(**{**T5, **values}), "T5ForConditionalGeneration", unigram())


def words() -> list[str]:
    """The words of the texts, sorted."""
    return sorted({word.strip(".,;!").lower() for text in TEXTS for word in text.split()})


@functools.cache
def fixed_wordpiece() -> transformers.PreTrainedTokenizerFast:
    """A word-piece tokenizer of a vocabulary that no training makes: the same in every release of every library."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *".,;!?", *letters, *(f"##{one}" for one in letters)]
    pieces += [word for word in words() if len(word) > 1 and len(word) % 3]
    rust = tokenizers.Tokenizer(models.WordPiece({piece: index for index, piece in enumerate(pieces)}, unk_token="[UNK]"))
    rust.normalizer = normalizers.BertNormalizer(lowercase=True)
    rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    rust.decoder = decoders.WordPiece()
    rust.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = ("pad_token", "unk_token", "cls_token", "sep_token", "mask_token")
    columns = ["input_ids", "token_type_ids", "attention_mask"]
    roles = dict(zip(names, pieces, strict=False))
    return transformers.PreTrainedTokenizerFast(tokenizer_object=rust, model_max_length=64, model_input_names=columns, **roles)


@functools.cache
def unigram() -> transformers.PreTrainedTokenizerFast:
    """A unigram tokenizer in the manner of T5, ids 0 to 2 are <pad>, </s>, <unk>; no training made it."""
    pieces = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), ("▁", -6.0)]
    pieces += [(f"▁{word}", -3.0 - index / 100) for index, word in enumerate(words())]
    pieces += [(letter, -7.0 - index / 100) for index, letter in enumerate("abcdefghijklmnopqrstuvwxyzABHMPGTSFL.,;:!")]
    rust = tokenizers.Tokenizer(models.Unigram(pieces, unk_id=2))
    rust.pre_tokenizer = pre_tokenizers.Metaspace()
    rust.decoder = decoders.Metaspace()
    rust.post_processor = processors.TemplateProcessing(single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", 1)])
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=rust, model_max_length=64, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )


@torch.no_grad()
def fixed_weights(model: torch.nn.Module, scale: float = 0.4) -> None:
    """Weights that follow from their names' order alone."""
    for number, (_, parameter) in enumerate(sorted(model.named_parameters())):
        steps = torch.arange(parameter.numel(), dtype=torch.float64) * (0.37 + 0.11 * number) + number
        around = 1.0 if parameter.dim() == 1 and number % 2 else 0.0
        parameter.copy_((steps.sin() * scale + around).reshape(parameter.shape))


def fixed(config: Any, name: str, tokenizer: Any) -> Path:
    """A folder with the reference's model of class `name`, weights and vocabulary the same wherever it is made."""
    model = getattr(transformers, name)(config).eval()
    fixed_weights(model)
    folder = kept_folder(f"{name}-fixed")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@functools.cache
def fixed_bert_qa() -> Path:
    """A folder with a BERT that marks answers."""
    size = len(fixed_wordpiece())
    return fixed(transformers.BertConfig(**{**BERT, "vocab_size": size}), "BertForQuestionAnswering", fixed_wordpiece())


@functools.cache
def fixed_t5() -> Path:
    """A folder with a T5 that knows summarization and one pair of languages by their prefixes."""
    tasks = {
        "summarization": {"max_length": 9, "prefix": "hello: "},
        "translation_en_to_fr": {"max_length": 7, "prefix": "the world to Paris: "},
    }
    config = transformers.T5Config(**{**T5, "vocab_size": len(unigram()), "task_specific_params": tasks})
    return fixed(config, "T5ForConditionalGeneration", unigram())


SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|fr|>", "<|translate|>", "<|transcribe|>"]
SPECIAL += ["<|startoflm|>", "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]


@functools.cache
def whisper(seed: int = 0, **values: Any) -> Path:
    """A folder with a Whisper that hears 2 seconds at a time, with 300 pieces and times up to 2 seconds."""
    rust = tokenizers.Tokenizer(models.BPE())
    rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    rust.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    rust.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=300, initial_alphabet=alphabet, show_progress=False))
    rust.add_special_tokens(SPECIAL)
    times = [f"<|{step * 0.02:.2f}|>" for step in range(101)]
    rust.add_tokens([tokenizers.AddedToken(token, normalized=False) for token in times])
    ends = dict.fromkeys(("bos_token", "eos_token", "unk_token", "pad_token"), "<|endoftext|>")
    tokenizer = transformers.WhisperTokenizerFast(tokenizer_object=rust, **ends)
    index = {token: tokenizer.convert_tokens_to_ids(token) for token in SPECIAL}
    end = index["<|endoftext|>"]
    config = transformers.WhisperConfig(
        vocab_size=len(tokenizer),
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=48,
        decoder_ffn_dim=48,
        max_source_positions=100,
        max_target_positions=48,
        num_mel_bins=16,
        pad_token_id=end,
        bos_token_id=end,
        eos_token_id=end,
        decoder_start_token_id=index["<|startoftranscript|>"],
        begin_suppress_tokens=None,
        init_std=0.3,
        **values,
    )
    torch.manual_seed(seed)
    model = transformers.WhisperForConditionalGeneration(config).eval()
    spread(model)
    generation = model.generation_config
    generation._from_model_config = False  # what stands in it counts when it is opened again
    generation.no_timestamps_token_id = index["<|notimestamps|>"]
    generation.prev_sot_token_id = index["<|startofprev|>"]
    generation.lang_to_id = {token: index[token] for token in ("<|en|>", "<|fr|>")}
    generation.task_to_id = {"translate": index["<|translate|>"], "transcribe": index["<|transcribe|>"]}
    generation.is_multilingual = True
    generation.alignment_heads = [[0, 1], [1, 2]]
    generation.max_initial_timestamp_index = 20
    generation.return_timestamps = False
    folder = kept_folder("whisper")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    transformers.WhisperFeatureExtractor(feature_size=16, chunk_length=2).save_pretrained(folder)
    return folder


VISION = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 48}
VISION |= {"image_size": 32, "patch_size": 8}


@functools.cache
def vit(name: str, **values: Any) -> Path:
    """A folder with a ViT of class `name` with 7 labels."""
    size = {"height": 32, "width": 32}
    config = transformers.ViTConfig(**VISION, num_labels=7, **values)
    return save(config, name, transformers.ViTImageProcessor(size=size))


@functools.cache
def lightglue() -> Path:
    """A folder with a LightGlue for pairs of images of 16 x 24 pixels."""
    points = {"encoder_hidden_sizes": [4, 4, 4, 4], "decoder_hidden_size": 8, "descriptor_decoder_dim": 16, "nms_radius": 0}
    detector = transformers.SuperPointConfig(**points, keypoint_threshold=0.0, border_removal_distance=0, max_keypoints=9)
    config = transformers.LightGlueConfig(
        keypoint_detector_config=detector,
        descriptor_dim=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        filter_threshold=0.0,
    )
    processor = transformers.LightGlueImageProcessorPil(size={"height": 16, "width": 24})
    return save(config, "LightGlueForKeypointMatching", processor)


@functools.cache
def detr() -> Path:
    """A folder with a DETR of 5 labels for images of 32 pixels."""
    backbone = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1]}
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2, "decoder_attention_heads": 2}
    config = transformers.DetrConfig(
        backbone_config=backbone, d_model=16, num_queries=9, encoder_ffn_dim=16, decoder_ffn_dim=16, num_labels=5, **sizes
    )
    processor = transformers.DetrImageProcessor(size={"shortest_edge": 32, "longest_edge": 48})
    return save(config, "DetrForObjectDetection", processor)


@functools.cache
def detr_with_masks() -> Path:
    """A folder with a DETR that draws masks, of 5 labels, for images of 32 pixels."""
    backbone = {"model_type": "resnet", "embedding_size": 8, "hidden_sizes": [8, 12, 12, 16], "depths": [1, 1, 1, 1]}
    backbone["out_features"] = ["stage1", "stage2", "stage3", "stage4"]
    sizes = {"encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 8, "decoder_attention_heads": 2}
    config = transformers.DetrConfig(
        backbone_config=backbone, d_model=16, num_queries=9, encoder_ffn_dim=16, decoder_ffn_dim=16, num_labels=5, **sizes
    )
    processor = transformers.DetrImageProcessor(size={"shortest_edge": 32, "longest_edge": 48})
    return save(config, "DetrForSegmentation", processor)


MIX = {"hidden_sizes": [8, 16, 24, 32], "depths": [1, 1, 1, 1], "num_attention_heads": [1, 2, 2, 4], "decoder_hidden_size": 20}


@functools.cache
def segformer() -> Path:
    """A folder with a SegFormer that labels places, of 4 labels."""
    processor = transformers.SegformerImageProcessor(size={"height": 32, "width": 64})
    return save(transformers.SegformerConfig(**MIX, num_labels=4), "SegformerForSemanticSegmentation", processor)


@functools.cache
def glpn() -> Path:
    """A folder with a GLPN that tells depth."""
    return save(transformers.GLPNConfig(**MIX), "GLPNForDepthEstimation", transformers.GLPNImageProcessor())


@functools.cache
def swin2sr() -> Path:
    """A folder with a Swin2SR that makes pictures twice as large."""
    config = transformers.Swin2SRConfig(image_size=16, embed_dim=8, depths=[2], num_heads=[2], window_size=4)
    return save(config, "Swin2SRForImageSuperResolution", transformers.Swin2SRImageProcessor())


@functools.cache
def depth_anything() -> Path:
    """A folder with a Depth Anything."""
    processor = transformers.DPTImageProcessor(size=32, keep_aspect_ratio=True, ensure_multiple_of=8)
    return save(transformers.DepthAnythingConfig(**dense.SMALL), "DepthAnythingForDepthEstimation", processor)


@functools.cache
def clip() -> Path:
    """A folder with a CLIP."""
    text = {name: value for name, value in VISION.items() if name not in ("image_size", "patch_size")}
    text |= {"vocab_size": 400, "max_position_embeddings": 32, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": 0}
    config = transformers.CLIPConfig(text_config=text, vision_config=VISION, projection_dim=16)
    crop = {"height": 32, "width": 32}
    return save(config, "CLIPModel", transformers.CLIPImageProcessor(size={"shortest_edge": 32}, crop_size=crop), bytelevel())
