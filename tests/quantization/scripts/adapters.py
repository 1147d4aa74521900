"""Adapters of peft on a model in few bits: argv is the checkpoint, "8" or "4", and whether bitsandbytes is hidden from peft."""

import sys
import tempfile

import bestiary.compat

bestiary.compat.install()
base, bits, hidden = sys.argv[1:]
if hidden == "hidden":
    sys.modules["bitsandbytes"] = None

import torch  # noqa: E402
from peft import IA3Config, LoraConfig, PeftModel, get_peft_model, prepare_model_for_kbit_training  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, BitsAndBytesConfig, Trainer, TrainingArguments  # noqa: E402

from bestiary.nn.quantized import QuantizedLinear  # noqa: E402

IDS = torch.tensor([[1, 5, 2, 7, 3, 9, 8, 4]])
# A merge rounds: standard difference, to the spread of the logits.
ROUNDING = {"8": 0.06, "4": 0.5}[bits]
TARGETS = ["q_proj", "down_proj"]


def opened():
    settings = BitsAndBytesConfig(
        load_in_8bit=bits == "8", load_in_4bit=bits == "4", bnb_4bit_quant_type="nf4", bnb_4bit_use_double_quant=True
    )
    return AutoModelForCausalLM.from_pretrained(base, quantization_config=settings)


def logits(model):
    with torch.no_grad():
        return model.eval()(IDS).logits


def near(first, second, rounding=ROUNDING):
    away = ((first - second).std() / second.std()).item()
    return away < rounding


for config in (
    LoraConfig(r=4, target_modules=TARGETS, init_lora_weights=False),
    LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False),
    LoraConfig(r=4, target_modules=TARGETS, init_lora_weights=False, use_dora=True),
):
    torch.manual_seed(0)
    plain = logits(opened())
    model = get_peft_model(opened(), config)
    adapted = logits(model)
    assert not near(adapted, plain, 0.05)
    # As on the numbers that the model computes with.
    torch.manual_seed(0)
    numbers = get_peft_model(opened().dequantize(), config)
    numbers.load_state_dict({name: each for name, each in model.state_dict().items() if "lora_" in name}, strict=False)
    assert near(adapted, logits(numbers), 0.02 if bits == "8" else 1e-4)
    model.merge_adapter()
    assert near(logits(model), adapted)
    model.unmerge_adapter()
    assert near(logits(model), adapted)
    merged = model.merge_and_unload()
    assert merged.is_quantized
    assert isinstance(merged.model.layers[0].self_attn.q_proj, QuantizedLinear)
    assert near(logits(merged), adapted)

if hidden != "hidden":  # peft asks for bitsandbytes where a model says that it is in 8 or 4 bits
    model = get_peft_model(opened(), IA3Config(target_modules=TARGETS, feedforward_modules=["down_proj"]))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "ia3" in name:
                parameter.mul_(3.0)
    assert not near(logits(model), logits(opened()), 0.02)
    adapted = logits(model)
    model.merge_adapter()
    assert near(logits(model), adapted)

# The model's own methods.
model = opened()
torch.manual_seed(0)
model.add_adapter(LoraConfig(r=2, target_modules=TARGETS, init_lora_weights=False), "first")
first = logits(model)
model.add_adapter(LoraConfig(r=2, target_modules=TARGETS, init_lora_weights=False), "second")
assert not near(logits(model), first, 0.05)
model.set_adapter("first")
assert torch.equal(logits(model), first)

# Files: peft's wrapper and the model's own methods read each other's, which have the same tensors under the same names.
with tempfile.TemporaryDirectory() as place:
    wrapped = get_peft_model(opened(), LoraConfig(r=2, target_modules=TARGETS, init_lora_weights=False, use_dora=True))
    adapted = logits(wrapped)
    wrapped.save_pretrained(f"{place}/peft")
    own = opened()
    own.load_adapter(f"{place}/peft")
    assert own.is_quantized
    assert torch.equal(logits(own), adapted)
    own.save_pretrained(f"{place}/own")
    assert torch.equal(logits(PeftModel.from_pretrained(opened(), f"{place}/own")), adapted)
    files = [load_file(f"{place}/{name}/adapter_model.safetensors") for name in ("peft", "own")]
    assert files[0].keys() == files[1].keys()
    assert all(torch.equal(tensor, files[1][name]) for name, tensor in files[0].items())
    own.disable_adapters()
    assert torch.equal(logits(own), logits(opened()))
    own.enable_adapters()
    assert torch.equal(logits(own), adapted)
    again = AutoModelForCausalLM.from_pretrained(f"{place}/own", quantization_config=opened().config.quantization_config)
    assert torch.equal(logits(again), adapted)  # the adapter says which model it is for
    assert again.is_quantized

# Training: gradients as on numbers, the loss falls, with and without recomputation.
for recomputed in (False, True):
    model = prepare_model_for_kbit_training(opened(), use_gradient_checkpointing=recomputed)
    torch.manual_seed(0)
    model = get_peft_model(model, LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    numbers = get_peft_model(opened().dequantize(), LoraConfig(r=4, target_modules="all-linear", init_lora_weights=False))
    numbers.load_state_dict({name: each for name, each in model.state_dict().items() if "lora_" in name}, strict=False)
    for each in (model, numbers):
        each.train()(input_ids=IDS, labels=IDS).loss.backward()
    expected = dict(numbers.named_parameters())
    for name, parameter in model.named_parameters():
        assert parameter.requires_grad == ("lora_" in name), name
        if parameter.requires_grad:
            pair = parameter.grad.flatten(), expected[name].grad.flatten()
            likeness = torch.nn.functional.cosine_similarity(*pair, dim=0).item()
            assert likeness > (0.98 if bits == "8" else 0.99999), (name, likeness)
    model.zero_grad()
    arguments = TrainingArguments(
        "/dev/null/none", max_steps=12, learning_rate=0.02, report_to=[], save_strategy="no", logging_steps=1, disable_tqdm=True
    )
    trainer = Trainer(model, arguments, train_dataset=[{"input_ids": IDS[0], "labels": IDS[0]}] * 8)
    before = model(input_ids=IDS, labels=IDS).loss.item()
    trainer.train()
    assert model(input_ids=IDS, labels=IDS).loss.item() < 0.9 * before
sys.stdout.write("done\n")
