"""GGUF files opened packed: the same numbers as opened in full, in the memory of the file."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from bestiary import (
    AutoModel,
    AutoModelForCausalLM,
    AutoTokenizer,
    Gemma2Config,
    Gemma2ForCausalLM,
    GgufConfig,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    T5Config,
    T5ForConditionalGeneration,
)
from bestiary.core.errors import ArgumentError, ConfigError, InputError
from bestiary.loading.gguf import write
from bestiary.modeling.building import without_initialisation
from bestiary.quantization.methods.gguf import GgufEmbedding, GgufLinear

EMBEDDED = Path(__file__).parents[2] / "src" / "bestiary" / "embedded"
IDS = torch.tensor([[1, 5, 2, 7, 3], [9, 9, 40, 8, 77]])
SIZES = {"hidden_size": 256, "intermediate_size": 512, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100}
TYPES = ("F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K_M", "Q5_K_M", "Q6_K")


def llama(**fields):
    torch.manual_seed(0)
    return LlamaForCausalLM(LlamaConfig(**{**SIZES, "num_key_value_heads": 2, **fields})).eval()


def gemma():
    torch.manual_seed(0)
    return Gemma2ForCausalLM(Gemma2Config(**SIZES, num_key_value_heads=2, head_dim=64, query_pre_attn_scalar=64)).eval()


def gpt2():
    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config(n_embd=256, n_layer=2, n_head=4, vocab_size=100)).eval()
    for name, parameter in model.named_parameters():
        if name.endswith(".bias"):
            torch.nn.init.normal_(parameter, std=0.1)
    return model


MODELS = {"llama": llama, "llama-biases": lambda: llama(attention_bias=True, mlp_bias=True), "gemma2": gemma, "gpt2": gpt2}


def logits(model):
    with torch.no_grad():
        return model(IDS).logits


def both(folder, **how):
    """The file opened in full, and packed."""
    return (
        AutoModelForCausalLM.from_pretrained(folder / "model.gguf", **how),
        AutoModelForCausalLM.from_pretrained(folder / "model.gguf", quantization_config=GgufConfig(), **how),
    )


def packed_layers(model):
    return {path for path, each in model.named_modules() if isinstance(each, GgufLinear | GgufEmbedding)}


@pytest.mark.parametrize("quantization", TYPES)
def test_every_type_computes_as_its_numbers(quantization, tmp_path):
    model = llama()
    model.save_pretrained(tmp_path, format="gguf", quantization=quantization)
    full, packed = both(tmp_path)
    assert {
        type(each).__name__ for each in packed.modules() if list(each.parameters(False)) and "Norm" not in type(each).__name__
    } == set()
    assert (logits(full) - logits(packed)).abs().max() < 2e-5
    assert packed.get_memory_footprint() < 1.02 * (tmp_path / "model.gguf").stat().st_size
    for path, layer in full.named_modules():
        if path in packed_layers(packed) and path != "model.embed_tokens":
            assert torch.equal(packed.get_submodule(path).dequantize(), layer.weight), path


@pytest.mark.parametrize("name", MODELS)
def test_families_compute_as_in_numbers(name, tmp_path):
    MODELS[name]().save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    full, packed = both(tmp_path)
    dense = {path for path, each in full.named_modules() if type(each).__name__ in ("Linear", "Conv1D")}
    assert dense <= packed_layers(packed)
    assert (logits(full) - logits(packed)).abs().max() < 2e-5


def test_encoder_and_decoder_share_their_words(tmp_path):
    torch.manual_seed(0)
    config = T5Config(vocab_size=100, d_model=64, d_kv=16, d_ff=96, num_layers=2, num_heads=4, decoder_start_token_id=0)
    T5ForConditionalGeneration(config).save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    opened = [
        T5ForConditionalGeneration.from_pretrained(tmp_path / "model.gguf", quantization_config=settings)
        for settings in (None, GgufConfig())
    ]
    results = []
    for model in opened:
        with torch.no_grad():
            results.append(model(input_ids=IDS, decoder_input_ids=IDS).logits)
    assert (results[0] - results[1]).abs().max() < 2e-5
    assert opened[1].get_memory_footprint() < 1.02 * (tmp_path / "model.gguf").stat().st_size


def test_a_long_matrix_is_multiplied_in_parts(tmp_path, monkeypatch):
    llama().save_pretrained(tmp_path, format="gguf", quantization="Q6_K")
    full, packed = both(tmp_path)
    monkeypatch.setattr("bestiary.kernels.blocks.AT_ONCE", 256 * 30)  # 30 rows
    assert (logits(full) - logits(packed)).abs().max() < 2e-5
    embedded = full.get_input_embeddings()(IDS).detach().requires_grad_()
    packed(inputs_embeds=embedded).logits.sum().backward()
    gradient = embedded.grad.clone()
    embedded.grad = None
    full(inputs_embeds=embedded).logits.sum().backward()
    assert torch.allclose(gradient, embedded.grad, rtol=1e-3, atol=1e-4)


def test_generates_the_same_text(tmp_path):
    model, tokenizer = AutoModelForCausalLM.from_pretrained(EMBEDDED), AutoTokenizer.from_pretrained(EMBEDDED)
    model.save_pretrained(tmp_path, format="gguf", quantization="Q8_0", tokenizer=tokenizer)
    full, packed = both(tmp_path)
    inputs = AutoTokenizer.from_pretrained(tmp_path / "model.gguf")("def main(", return_tensors="pt")
    kept = {"max_new_tokens": 12, "do_sample": False}
    assert torch.equal(full.generate(**inputs, **kept), packed.generate(**inputs, **kept))


def test_settings_and_dtypes(tmp_path):
    llama().save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    half = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file="model.gguf", quantization_config=GgufConfig(), dtype="bfloat16"
    )
    assert half.model.embed_tokens(IDS).dtype == logits(half).dtype == torch.bfloat16
    named = AutoModelForCausalLM.from_pretrained(tmp_path, quantization_config=GgufConfig(gguf_file="model.gguf"))
    assert named.is_quantized
    assert named.quantization_method.value == "gguf"
    table = AutoModelForCausalLM.from_pretrained(tmp_path / "model.gguf", quantization_config={"quant_method": "gguf"})
    assert torch.equal(logits(table), logits(named))
    dense = AutoModelForCausalLM.from_pretrained(tmp_path / "model.gguf", quantization_config=GgufConfig(dequantize=True))
    assert not dense.is_quantized
    assert not packed_layers(dense)
    some = GgufConfig(modules_to_not_convert=["q_proj", "lm_head"])
    apart = AutoModelForCausalLM.from_pretrained(tmp_path / "model.gguf", quantization_config=some)
    assert not {path for path in packed_layers(apart) if path.endswith(("q_proj", "lm_head"))}
    assert (logits(apart) - logits(dense)).abs().max() < 2e-5
    backbone = AutoModel.from_pretrained(tmp_path / "model.gguf", quantization_config=GgufConfig())
    with torch.no_grad():
        assert torch.allclose(backbone(IDS)[0], dense.model(IDS)[0], atol=2e-5)


def test_packed_models_become_ordinary_ones(tmp_path):
    llama(tie_word_embeddings=True).save_pretrained(tmp_path, format="gguf", quantization="Q5_K_M")
    full, packed = both(tmp_path)
    packed.dequantize()
    assert not packed_layers(packed)
    assert torch.equal(logits(full), logits(packed))
    packed.save_pretrained(tmp_path / "numbers")
    assert torch.equal(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "numbers")), logits(full))


@pytest.mark.parametrize("tied", [False, True])
def test_packed_models_are_counted_and_read_as_ordinary_ones(tied, tmp_path):
    llama(tie_word_embeddings=tied).save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    full, packed = both(tmp_path)
    for without in (False, True):
        assert packed.num_parameters(exclude_embeddings=without) == full.num_parameters(exclude_embeddings=without)
    for get in ("get_input_embeddings", "get_output_embeddings"):
        ours, expected = getattr(packed, get)().weight, getattr(full, get)().weight
        assert (ours.shape, ours.dtype, ours.device) == (expected.shape, expected.dtype, expected.device)
        assert torch.equal(ours[3:5], expected[3:5])
    with pytest.raises(InputError, match="dequantize.. it before it is resized"):
        packed.resize_token_embeddings(120)
    assert logits(packed).shape[-1] == 100
    with pytest.raises(InputError, match="keeps the numbers of its file"):
        packed.get_input_embeddings().weight = torch.nn.Parameter(torch.zeros(100, 256))
    assert {each.dtype for each in packed.dequantize(torch.float16).parameters()} == {torch.float16}
    assert packed.resize_token_embeddings(120).weight.shape == (120, 256)


def test_what_packed_models_do_not_do_is_said(tmp_path):
    llama().save_pretrained(tmp_path, format="gguf", quantization="Q8_0")
    llama().save_pretrained(tmp_path / "numbers")
    packed = both(tmp_path)[1]
    with pytest.raises(ConfigError, match="keep that file, or dequantize"):
        packed.save_pretrained(tmp_path / "again")
    with pytest.raises(InputError, match="weights of gguf have no other dtype"):
        packed.to(torch.bfloat16)
    with pytest.raises(ConfigError, match="GgufConfig is for GGUF files"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "numbers", quantization_config=GgufConfig())
    with pytest.raises(ConfigError, match="GgufConfig opens GGUF files"):
        llama().quantize(GgufConfig())
    with pytest.raises(ArgumentError, match="load_in_8bit says what quantization_config is for"):
        AutoModelForCausalLM.from_pretrained(tmp_path / "model.gguf", load_in_8bit=True, quantization_config=GgufConfig())


PEAK = """
import sys, torch
from bestiary import AutoModelForCausalLM, GgufConfig

def status(key):
    return int(next(line for line in open("/proc/self/status") if line.startswith(key)).split()[1]) * 1024

small, large, size = sys.argv[1], sys.argv[2], int(sys.argv[3])
ids = torch.tensor([[1, 2, 3]])
with torch.no_grad():
    AutoModelForCausalLM.from_pretrained(small, quantization_config=GgufConfig())(ids)
    open("/proc/self/clear_refs", "w").write("5")
    before = status("VmRSS:")
    AutoModelForCausalLM.from_pretrained(large, quantization_config=GgufConfig())(ids)
print((status("VmHWM:") - before) / size)
"""


def leave_a_hole(file, tensor, kind):
    file.seek(write.nbytes(kind, tensor.shape) - 1, 1)
    file.write(b"\0")


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="the peak of memory is read from Linux's /proc")
@pytest.mark.parametrize("quantization", ["Q4_0", "Q8_0"])
def test_opening_and_a_pass_take_the_memory_of_the_file(quantization, tmp_path, monkeypatch):
    llama().save_pretrained(tmp_path / "small", format="gguf", quantization=quantization)
    sizes = {"hidden_size": 1024, "intermediate_size": 2816, "num_hidden_layers": 14, "vocab_size": 1000}
    monkeypatch.setattr(write, "_write_tensor", leave_a_hole)
    with without_initialisation():  # the file is of holes, zeros that take no time
        llama(**sizes).save_pretrained(tmp_path / "large", format="gguf", quantization=quantization)
    paths = [tmp_path / name / "model.gguf" for name in ("small", "large")]
    command = [sys.executable, "-c", PEAK, *map(str, paths), str(paths[1].stat().st_size)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) < 1.2
