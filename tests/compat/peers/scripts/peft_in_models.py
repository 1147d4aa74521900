"""Adapters that are put into a model itself: added, trained, chosen, saved, opened with it, deleted, exchanged."""

import json
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    LlamaForCausalLM,
)

IDS = torch.tensor([[5, 7, 9, 11, 13], [6, 8, 10, 12, 14]])
BATCH = {"input_ids": IDS, "attention_mask": torch.ones_like(IDS)}
GREEDY = {"max_new_tokens": 6, "do_sample": False, "pad_token_id": 0}
OPENERS: dict[str, tuple[Any, dict[str, Any], dict[str, Any]]] = {
    "llama": (AutoModelForCausalLM, {"labels": IDS}, {"target_modules": ["q_proj", "down_proj"]}),
    "gpt2": (AutoModelForCausalLM, {"labels": IDS}, {"target_modules": ["c_attn"], "fan_in_fan_out": True}),
    "t5": (AutoModelForSeq2SeqLM, {"labels": IDS}, {"target_modules": ["q", "v"]}),
    "classes": (
        AutoModelForSequenceClassification,
        {"labels": torch.tensor([0, 2])},
        {"target_modules": ["query"], "modules_to_save": ["classifier"]},
    ),
}


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    computed: dict[str, Any] = {}
    for name, (opener, labels, lora) in OPENERS.items():
        model = opener.from_pretrained(folders[name])
        model.add_adapter(LoraConfig(r=2, **lora))
        computed[f"{name} trained"] = sorted(each for each, p in model.named_parameters() if p.requires_grad)
        computed[f"{name} losses"] = trained(model, {**BATCH, **labels})
        computed[f"{name} tensors"] = dict(sorted(model.get_adapter_state_dict().items()))
        folder = scratch / name
        model.save_pretrained(folder)
        computed[f"{name} files"] = sorted(path.name for path in folder.iterdir() if path.name != "generation_config.json")
        computed[f"{name} saved"] = load_file(folder / "adapter_model.safetensors")
        computed[f"{name} base"] = json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"]
        again = opener.from_pretrained(folder)
        computed[f"{name} again"] = again(**BATCH, **labels).logits
        computed[f"{name} frozen"] = not any(p.requires_grad for each, p in again.named_parameters() if "lora" in each)
        if name != "classes":
            computed[f"{name} writes"] = again.generate(**BATCH, **GREEDY)
        computed[f"{name} wrapped"] = PeftModel.from_pretrained(opener.from_pretrained(folders[name]), folder)(
            **BATCH, **labels
        ).logits
        wrapped = get_peft_model(opener.from_pretrained(folders[name]), LoraConfig(r=2, **lora))
        trained(wrapped, {**BATCH, **labels})
        wrapped.save_pretrained(scratch / f"{name} wrapped")
        computed[f"{name} of the wrapper"] = opener.from_pretrained(scratch / f"{name} wrapped")(**BATCH, **labels).logits
    return computed | several(folders["llama"], scratch) | exchanged(folders["llama"], scratch)


def several(folder: str, scratch: Path) -> dict[str, Any]:
    model = LlamaForCausalLM.from_pretrained(folder)
    computed: dict[str, Any] = {"plain": model(**BATCH).logits}
    info = model.load_adapter(str(scratch / "llama"), adapter_name="first")
    computed["info"] = [sorted(info.missing_keys), sorted(info.unexpected_keys)]
    model.add_adapter(LoraConfig(r=3, target_modules=["v_proj", "q_proj"]), adapter_name="second")
    computed["active"] = model.active_adapters()
    trained(model, {**BATCH, "labels": IDS})
    computed["second"] = model(**BATCH).logits
    model.set_adapter("first")
    computed["first"] = model(**BATCH).logits
    model.set_adapter(["first", "second"])
    computed["both active"] = model.active_adapters()
    computed["both"] = model(**BATCH).logits
    model.disable_adapters()
    computed["without"] = model(**BATCH).logits
    model.enable_adapters()
    model.set_adapter("second")
    model.save_pretrained(scratch / "second", save_peft_format=False)
    computed["second saved"] = load_file(scratch / "second" / "adapter_model.safetensors")
    model.delete_adapter("second")
    model.set_adapter("first")
    computed["one left"] = [sorted(model.peft_config), model(**BATCH).logits]
    model.delete_adapter(["first"])
    computed["none left"] = [sorted(dict(model.named_parameters())), model(**BATCH).logits]
    tensors = load_file(scratch / "llama" / "adapter_model.safetensors")
    tensors = {name.removeprefix("base_model.model."): value for name, value in tensors.items()}
    config = LoraConfig.from_pretrained(scratch / "llama")
    model.load_adapter(peft_config=config, adapter_state_dict=tensors, is_trainable=True)
    computed["from memory"] = [model(**BATCH).logits, sum(p.requires_grad for p in model.parameters())]
    whole = scratch / "whole"
    LlamaForCausalLM.from_pretrained(folder).save_pretrained(whole)
    model.save_pretrained(whole)
    computed["model and adapter in one folder"] = AutoModelForCausalLM.from_pretrained(whole)(**BATCH).logits
    model, told = AutoModelForCausalLM.from_pretrained(scratch / "second", adapter_name="mine", output_loading_info=True)
    computed["told"] = [model.active_adapters(), sorted(told["missing_keys"]), sorted(told["unexpected_keys"])]
    computed["half"] = AutoModelForCausalLM.from_pretrained(scratch / "llama", dtype=torch.bfloat16)(**BATCH).logits.float()
    return computed


def exchanged(folder: str, scratch: Path) -> dict[str, Any]:
    """One adapter in the place of another, of another rank."""
    model = LlamaForCausalLM.from_pretrained(folder)
    model.enable_peft_hotswap(target_rank=4)
    model.load_adapter(str(scratch / "llama"))
    computed = {"before": model(**BATCH).logits}
    model.load_adapter(str(scratch / "llama wrapped"), adapter_name="default")
    return {**computed, "after": model(**BATCH).logits}


def trained(model: Any, batch: dict[str, Any]) -> list[float]:
    with torch.no_grad():
        trainable = sorted((name, each) for name, each in model.named_parameters() if each.requires_grad)
        for number, (_, parameter) in enumerate(trainable):
            steps = torch.arange(parameter.numel(), dtype=torch.float64) * (0.37 + 0.11 * number) + number
            parameter.copy_((steps.sin() * 0.2).reshape(parameter.shape))
    model.eval()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
    losses = []
    for _ in range(2):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses
