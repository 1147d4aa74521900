"""LoRA on BERT, Llama and T5: train, generate, save, open again, merge; several adapters on one model."""

import warnings
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, TaskType, get_peft_model, prepare_model_for_kbit_training
from peft.utils import get_peft_model_state_dict
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSeq2SeqLM,
    AutoModelForSequenceClassification,
    get_linear_schedule_with_warmup,
)

IDS = torch.tensor([[5, 7, 9, 11, 13], [6, 8, 10, 0, 0]])
MASK = (IDS != 0).long()
LABELS = IDS.masked_fill(MASK == 0, -100)
BATCH = {"input_ids": IDS, "attention_mask": MASK}


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    return {
        **{f"bert {name}": value for name, value in bert(folders["classes"], scratch).items()},
        **{f"llama {name}": value for name, value in llama(folders["llama"], scratch).items()},
        **{f"t5 {name}": value for name, value in t5(folders["t5"], scratch).items()},
        **{f"tied {name}": value for name, value in tied(folders["gpt2"], scratch).items()},
    }


def real(states: torch.Tensor) -> torch.Tensor:
    """States of the tokens that are no padding, (tokens, width)."""
    return states[MASK.bool()]


def trained(model: Any, batch: dict[str, Any], steps: int = 3) -> list[float]:
    """Losses of some steps; what adapters start with is the same in both libraries."""
    fill(model)
    model.eval()
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.05)
    schedule = get_linear_schedule_with_warmup(optimizer, 1, 10)
    losses = []
    for _ in range(steps):
        loss = model(**batch).loss
        loss.backward()
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@torch.no_grad()
def fill(model: Any) -> None:
    """Trainable weights from their names' order."""
    trainable = sorted((name, each) for name, each in model.named_parameters() if each.requires_grad)
    for number, (_, parameter) in enumerate(trainable):
        steps = torch.arange(parameter.numel(), dtype=torch.float64) * (0.37 + 0.11 * number) + number
        parameter.copy_((steps.sin() * 0.2).reshape(parameter.shape))


def bert(folder: str, scratch: Path) -> dict[str, Any]:
    model = get_peft_model(
        AutoModelForSequenceClassification.from_pretrained(folder),
        LoraConfig(task_type=TaskType.SEQ_CLS, r=4, lora_alpha=8, target_modules=["query", "value"]),
    )
    computed: dict[str, Any] = {
        "base": model.peft_config["default"].base_model_name_or_path == folder,
        "trainable": model.get_nb_trainable_parameters(),
        "modules": sorted(model.targeted_module_names),
    }
    computed["losses"] = trained(model, {**BATCH, "labels": torch.tensor([0, 2])})
    computed["logits"] = model(**BATCH).logits
    computed["hidden"] = [real(each) for each in model(**BATCH, output_hidden_states=True).hidden_states]
    with model.disable_adapter():
        computed["without"] = model(**BATCH).logits
    model.save_pretrained(scratch / "bert")
    computed["saved"] = dict(sorted(get_peft_model_state_dict(model).items()))
    again = PeftModel.from_pretrained(AutoModelForSequenceClassification.from_pretrained(folder), scratch / "bert").eval()
    computed["again"] = again(**BATCH).logits
    again.add_adapter("second", LoraConfig(task_type=TaskType.SEQ_CLS, r=2, target_modules="all-linear"))
    again.set_adapter("second")
    computed["second's modules"] = sorted({name for name, _ in again.named_parameters() if "lora_A.second" in name})
    computed["second's losses"] = trained(again, {**BATCH, "labels": torch.tensor([1, 1])})
    again.set_adapter("default")
    computed["first again"] = again(**BATCH).logits
    merged = again.merge_and_unload()
    computed["merged class"] = type(merged).__name__
    computed["merged"] = merged(**BATCH).logits
    computed["merged weights"] = dict(merged.state_dict())
    merged.save_pretrained(scratch / "merged")
    computed["merged again"] = AutoModelForSequenceClassification.from_pretrained(scratch / "merged")(**BATCH).logits
    return computed


def llama(folder: str, scratch: Path) -> dict[str, Any]:
    base = prepare_model_for_kbit_training(AutoModelForCausalLM.from_pretrained(folder))
    computed: dict[str, Any] = {}
    base.gradient_checkpointing_disable()
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=4, target_modules="all-linear", use_rslora=True, lora_dropout=0.0)
    model = get_peft_model(base, config)
    computed["modules"] = sorted(model.targeted_module_names)
    computed["losses"] = trained(model, {**BATCH, "labels": LABELS})
    ids, mask = IDS.flip(1), MASK.flip(1)
    greedy = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    computed["written"] = model.generate(input_ids=ids, attention_mask=mask, **greedy)
    computed["beams"] = model.generate(input_ids=ids, attention_mask=mask, num_beams=2, **greedy)
    with model.disable_adapter():
        computed["written without"] = model.generate(input_ids=ids, attention_mask=mask, **greedy)
    model.save_pretrained(scratch / "llama")
    again = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(folder), scratch / "llama", is_trainable=True)
    computed["goes on"] = again.eval()(**BATCH, labels=LABELS).loss.item()
    again.load_adapter(scratch / "llama", adapter_name="other")
    again.set_adapter("other")
    computed["other"] = real(again(**BATCH).logits)
    again.base_model.add_weighted_adapter(["default", "other"], [0.4, 0.9], "both", combination_type="linear")
    again.set_adapter("both")
    computed["both"] = real(again(**BATCH).logits)
    again.delete_adapter("both")
    again.set_adapter("other")
    again.merge_adapter()
    computed["while merged"] = real(again(**BATCH).logits)
    again.unmerge_adapter()
    computed["unmerged"] = real(again(**BATCH).logits)
    computed["written after a merge"] = again.merge_and_unload().generate(input_ids=ids, attention_mask=mask, **greedy)
    again = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folder),
        LoraConfig(task_type=TaskType.CAUSAL_LM, target_modules=["q_proj"], modules_to_save=["lm_head"], use_dora=True),
    )
    again.enable_input_require_grads()
    again.gradient_checkpointing_enable()
    again.train()
    loss = again(**BATCH, labels=LABELS).loss
    loss.backward()
    computed["dora's loss"] = loss.item()
    computed["gradients"] = sum(p.grad is not None for p in again.parameters())
    return computed


def t5(folder: str, scratch: Path) -> dict[str, Any]:
    base = AutoModelForSeq2SeqLM.from_pretrained(folder)
    model = get_peft_model(base, LoraConfig(task_type=TaskType.SEQ_2_SEQ_LM, r=4))
    computed: dict[str, Any] = {"modules": sorted(model.targeted_module_names)}
    computed["losses"] = trained(model, {**BATCH, "labels": LABELS})
    greedy = {"max_new_tokens": 6, "do_sample": False}
    computed["written"] = model.generate(**BATCH, **greedy)
    model.save_pretrained(scratch / "t5")
    again = PeftModel.from_pretrained(AutoModelForSeq2SeqLM.from_pretrained(folder), scratch / "t5").eval()
    computed["again"] = again(**BATCH, labels=LABELS).logits
    computed["written after a merge"] = again.merge_and_unload().generate(**BATCH, **greedy)
    return computed


def tied(folder: str, scratch: Path) -> dict[str, Any]:
    """An adapter on a head that shares its weights with the embedding, whose merge is doubtful."""
    base = AutoModelForCausalLM.from_pretrained(folder)
    config = LoraConfig(task_type=TaskType.CAUSAL_LM, r=2, target_modules=["c_attn", "lm_head"], fan_in_fan_out=True)
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        model = get_peft_model(base, config)
    computed: dict[str, Any] = {"warned": sorted({str(each.message)[:40] for each in told if "tie" in str(each.message)})}
    computed["losses"] = trained(model, {**BATCH, "labels": LABELS})
    model.save_pretrained(scratch / "tied", save_embedding_layers=False)
    model = get_peft_model(
        AutoModelForCausalLM.from_pretrained(folder), LoraConfig(task_type="CAUSAL_LM", trainable_token_indices=[5, 7])
    )
    computed["tokens' losses"] = trained(model, {**BATCH, "labels": LABELS})
    resized = AutoModelForCausalLM.from_pretrained(folder)
    resized.resize_token_embeddings(410, mean_resizing=False)
    model = get_peft_model(resized, LoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn"]))
    model.save_pretrained(scratch / "resized")
    computed["embeddings saved"] = sorted(name for name in get_peft_model_state_dict(model) if "lora" not in name)
    return computed
