"""Adapters of prompts and prefixes, of scales (IA3), of whole modules; models that are opened by their adapter's folder."""

from pathlib import Path
from typing import Any

import torch
from peft import (
    AutoPeftModelForCausalLM,
    IA3Config,
    LoraConfig,
    PeftModel,
    PrefixTuningConfig,
    PromptEncoderConfig,
    PromptTuningConfig,
    get_peft_model,
)
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
)

IDS = torch.tensor([[5, 7, 9, 11, 13], [6, 8, 10, 12, 14]])
MASK = torch.ones_like(IDS)
BATCH = {"input_ids": IDS, "attention_mask": MASK}
GREEDY = {"max_new_tokens": 6, "do_sample": False}
OPENERS = {
    "llama": (AutoModelForCausalLM, "CAUSAL_LM", {"labels": IDS}),
    "gpt2": (AutoModelForCausalLM, "CAUSAL_LM", {"labels": IDS}),
    "t5": (AutoModelForSeq2SeqLM, "SEQ_2_SEQ_LM", {"labels": IDS}),
    "classes": (AutoModelForSequenceClassification, "SEQ_CLS", {"labels": torch.tensor([0, 2])}),
    "tokens": (AutoModelForTokenClassification, "TOKEN_CLS", {"labels": IDS % 2}),
}
CONFIGS = {
    "prompt": lambda task: PromptTuningConfig(task_type=task, num_virtual_tokens=3),
    "encoded prompt": lambda task: PromptEncoderConfig(task_type=task, num_virtual_tokens=3, encoder_hidden_size=16),
    "prefix": lambda task: PrefixTuningConfig(task_type=task, num_virtual_tokens=3),
    "projected prefix": lambda task: PrefixTuningConfig(
        task_type=task, num_virtual_tokens=3, prefix_projection=True, encoder_hidden_size=16
    ),
    "ia3": lambda task: IA3Config(task_type=task),
    "modules": lambda task: LoraConfig(task_type=task, r=2, target_modules="all-linear", bias="all"),
}


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    computed = {}
    for name, (opener, task, labels) in OPENERS.items():
        for kind, config in CONFIGS.items():
            if name == "tokens" and kind not in ("prefix", "ia3"):
                continue  # the tokens of a prompt have no labels, and the head cannot be adapted and saved whole
            model = get_peft_model(opener.from_pretrained(folders[name]), config(task))
            computed[f"{name} {kind} losses"] = trained(model, {**BATCH, **labels})
            if task in ("CAUSAL_LM", "SEQ_2_SEQ_LM"):
                computed[f"{name} {kind} writes"] = model.generate(**BATCH, **GREEDY)
                computed[f"{name} {kind} beams"] = model.generate(**BATCH, **GREEDY, num_beams=2)
            folder = scratch / f"{name} {kind}"
            model.save_pretrained(folder)
            again = PeftModel.from_pretrained(opener.from_pretrained(folders[name]), folder).eval()
            computed[f"{name} {kind} again"] = again(**BATCH, **labels).loss.item()
    opened = AutoPeftModelForCausalLM.from_pretrained(scratch / "llama modules")
    computed["opened by the adapter"] = opened(**BATCH).logits
    return computed


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
