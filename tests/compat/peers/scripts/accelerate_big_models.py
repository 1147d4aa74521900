"""accelerate: models without values, dispatched to the CPU and a disk by a map; hooks; helpers that look at a model."""

from pathlib import Path
from typing import Any

import torch
from accelerate import (
    cpu_offload,
    disk_offload,
    dispatch_model,
    infer_auto_device_map,
    init_empty_weights,
    load_checkpoint_and_dispatch,
    load_checkpoint_in_model,
)
from accelerate.hooks import AlignDevicesHook, ModelHook, SequentialHook, add_hook_to_module, remove_hook_from_submodules
from accelerate.utils import (
    calculate_maximum_sizes,
    check_tied_parameters_in_config,
    compute_module_sizes,
    find_tied_parameters,
    get_balanced_memory,
    get_max_memory,
    has_offloaded_params,
    named_module_tensors,
    retie_parameters,
)
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSeq2SeqLM, AutoModelForSequenceClassification

IDS = torch.tensor([[5, 7, 9, 11, 13], [6, 8, 10, 12, 14]])
GREEDY = {"max_new_tokens": 5, "do_sample": False}
OPENERS = {"llama": AutoModelForCausalLM, "gpt2": AutoModelForCausalLM, "t5": AutoModelForSeq2SeqLM}


class Doubling(ModelHook):
    """Counts calls and doubles the logits."""

    calls = 0

    def pre_forward(self, module: Any, *args: Any, **kwargs: Any) -> Any:
        type(self).calls += 1
        return args, kwargs

    def post_forward(self, module: Any, output: Any) -> Any:
        output.logits = output.logits * 2
        return output


def results(folders: dict[str, str], scratch: Path) -> dict[str, Any]:
    computed: dict[str, Any] = {}
    for name, opener in OPENERS.items():
        for key, value in dispatched(opener, folders[name], scratch / name).items():
            computed[f"{name} {key}"] = value
    model = AutoModelForSequenceClassification.from_pretrained(folders["classes"]).eval()
    plain = model(IDS).logits
    add_hook_to_module(model, Doubling())
    add_hook_to_module(model, SequentialHook(Doubling(), AlignDevicesHook(io_same_device=True)), append=True)
    computed["hooked"] = model(IDS, output_hidden_states=True).logits
    computed["calls"] = Doubling.calls
    remove_hook_from_submodules(model)
    computed["hooks gone"] = torch.equal(model(IDS).logits, plain)
    cpu_offload(model, execution_device="cpu")
    computed["offloaded logits"] = model(input_ids=IDS).logits
    computed["offloaded"] = has_offloaded_params(model.bert.embeddings.word_embeddings)
    return computed


def dispatched(opener: Any, folder: str, scratch: Path) -> dict[str, Any]:
    config = AutoConfig.from_pretrained(folder)
    with init_empty_weights():
        model = opener.from_config(config)
    sizes = compute_module_sizes(model)
    buffers = sum(buffer.numel() * buffer.element_size() for buffer in model.buffers())  # what is computed, not stored
    computed: dict[str, Any] = {
        "empty": all(parameter.is_meta for parameter in model.parameters()),
        "ties before": find_tied_parameters(model),
        "said to be tied": check_tied_parameters_in_config(model),
        "size": sizes[""] - buffers,
        "largest": calculate_maximum_sizes(model)[1][0],
        "no split": sorted(model._no_split_modules),
        "tensors": len(list(named_module_tensors(model, include_buffers=False, recurse=True))),
        "memory": sorted(map(str, get_max_memory({"cpu": "2GB"}).items())),
        "balanced": get_balanced_memory(model, {"cpu": 10**9}, model._no_split_modules),
    }
    model.tie_weights()
    computed["ties"] = find_tied_parameters(model)
    half = {"cpu": int((sizes[""] - buffers) * 0.7)}
    places = infer_auto_device_map(model, half, no_split_module_classes=model._no_split_modules)
    computed["map"] = places
    model = load_checkpoint_and_dispatch(model, folder, device_map=places, offload_folder=str(scratch / "disk")).eval()
    computed["places"] = {name: str(place) for name, place in model.hf_device_map.items()}
    plain = opener.from_pretrained(folder).eval()
    decoder = {"decoder_input_ids": IDS[:, :3]} if config.is_encoder_decoder else {}
    computed["logits"] = model(IDS, **decoder).logits
    computed["as without a map"] = torch.allclose(computed["logits"], plain(IDS, **decoder).logits, atol=1e-5)
    computed["written"] = model.generate(IDS, **GREEDY)
    with init_empty_weights(include_buffers=False):
        other = opener.from_config(config)
    load_checkpoint_in_model(other, folder, device_map={"": "cpu"})
    retie_parameters(other, computed["ties"])
    other.tie_weights()
    computed["opened in place"] = other.eval()(IDS, **decoder).logits
    disk_offload(other, str(scratch / "other"), execution_device=torch.device("cpu"))
    computed["from the disk"] = other(IDS, **decoder).logits
    for name, settings in (("greedy", GREEDY), ("beams", {**GREEDY, "num_beams": 2})):
        computed[f"written from the disk, {name}"] = other.generate(IDS, **settings)
    whole = dispatch_model(plain, {"": "cpu"}, force_hooks=True)
    computed["one device"] = whole(IDS, **decoder).logits
    mapped = opener.from_pretrained(folder, device_map="auto", max_memory={"cpu": "1GB"})
    computed["auto"] = mapped(IDS, **decoder).logits
    return computed
