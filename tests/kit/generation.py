"""Tiny models of both libraries with the same weights, and byte-level tokenizers."""

import pytest
import tokenizers
import torch
import transformers
from tokenizers import decoders, models, normalizers, pre_tokenizers, trainers

from bestiary.models.llama import LlamaConfig
from bestiary.models.llama.model import LlamaForCausalLM
from bestiary.models.t5 import T5Config
from bestiary.models.t5.model import T5ForConditionalGeneration
from bestiary.preprocess.text.tokenizer import PreTrainedTokenizerFast

LLAMA = {
    "vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 96, "initializer_range": 0.5, "eos_token_id": 2, "bos_token_id": 1,
    "pad_token_id": 0,
}  # fmt: skip
T5 = {
    "vocab_size": 64, "d_model": 16, "d_kv": 4, "d_ff": 32, "num_layers": 2, "num_decoder_layers": 2, "num_heads": 4,
    "initializer_factor": 2.0, "decoder_start_token_id": 0, "pad_token_id": 0, "eos_token_id": 1,
}  # fmt: skip


def twins(reference_class, reference_config, our_class, our_config):
    torch.manual_seed(7)
    theirs = reference_class._from_config(reference_config, attn_implementation="eager").eval()
    mine = our_class(our_config).eval()
    missing = mine.load_state_dict(theirs.state_dict(), strict=False)
    assert not missing.unexpected_keys
    mine.tie_weights()
    return mine, theirs


@pytest.fixture(scope="session")
def llama():
    return twins(transformers.LlamaForCausalLM, transformers.LlamaConfig(**LLAMA), LlamaForCausalLM, LlamaConfig(**LLAMA))


@pytest.fixture(scope="session")
def t5():
    return twins(
        transformers.T5ForConditionalGeneration, transformers.T5Config(**T5), T5ForConditionalGeneration, T5Config(**T5)
    )


@pytest.fixture
def ids():
    return torch.randint(3, 64, (3, 7), generator=torch.Generator().manual_seed(0))


@pytest.fixture
def padded(ids):
    mask = torch.ones_like(ids)
    mask[1, :3] = 0
    mask[2, :5] = 0
    return {"input_ids": ids.masked_fill(mask == 0, 0), "attention_mask": mask}


TEXTS = (
    "def fibonacci(n):\n    return n if n < 2 else fibonacci(n - 1)\n",
    "Hello , world ! It ' s me , I do n't know .",
    "日本語のテキストと中文文本，한국어도 있어요。",
    "emoji: 😀👩‍👩‍👧‍👦🇩🇪 and e\u0301 combining, ẞ, ﷽",
)


def _byte_level():
    made = tokenizers.Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=330, initial_alphabet=alphabet, special_tokens=["<s>", "</s>"], show_progress=False
    )
    made.train_from_iterator(TEXTS, trainer)
    return made


def _byte_fallback():
    """As in Llama: characters that the vocabulary lacks are spelt in byte tokens."""
    words = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), "▁", *"abcdefghijklmnoprstuwxy日本語."]
    pairs = [("t", "h"), ("th", "e"), ("▁", "the"), ("▁", "a"), ("日", "本")]
    words += [left + right for left, right in pairs]
    vocab = {word: index for index, word in enumerate(words)}
    made = tokenizers.Tokenizer(models.BPE(vocab, pairs, unk_token="<unk>", byte_fallback=True, fuse_unk=True))
    made.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    made.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    made.add_special_tokens(["<unk>", "<s>", "</s>"])
    return made


def _word_piece():
    pieces = [
        *"abcdefghijklmnopqrstuvwxyz.,!?'",
        *(f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz日"),
        "hello",
        "##llo",
    ]
    vocab = {word: index for index, word in enumerate(["[UNK]", "[CLS]", "[SEP]", "n't", "'s", *pieces])}
    made = tokenizers.Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    made.decoder = decoders.WordPiece(cleanup=True)
    made.add_special_tokens(["[CLS]", "[SEP]"])
    return made


MADE = {"byte_level": _byte_level, "byte_fallback": _byte_fallback, "word_piece": _word_piece}


@pytest.fixture(scope="session")
def makers():
    """Name -> function that makes a Rust tokenizer."""
    return MADE


@pytest.fixture(scope="session", params=list(MADE))
def tokenizer(request):
    options = {"clean_up_tokenization_spaces": True} if request.param == "word_piece" else {}
    return PreTrainedTokenizerFast(tokenizer_object=MADE[request.param](), **options)


@pytest.fixture(scope="session")
def byte_level():
    return PreTrainedTokenizerFast(tokenizer_object=_byte_level())
