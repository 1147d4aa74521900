"""What a model says are its encoder, its decoder and its embeddings lies where the published model says."""

from typing import Any

import torch
from kit.families import Pair, each, every_head

# Class -> methods that give another part, and why.
APART = {
    "ViT": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "DeiT": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "Beit": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "Pixio": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "IJepa": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "Vivit": "its blocks are part of an `encoder`, as files call it; the published model is its own encoder",
    "CLIPForImageClassification": "the vision model is found",
    "DetrForSegmentation": "the detector inside is looked at",
    "ConditionalDetrForSegmentation": "the detector inside is looked at",
    "Llama4ForCausalLM": "the published head looks for its model under a name that nothing has there, and says itself",
    "DINOv3": "it has no decoder; the published call takes the `model` inside for one, for its name",
    "MaskFormerSwinBackbone": "its stages are found in the model in it",
    "SwinBackbone": "its parts are its own, as in files; the published one has a model in it",
    "DPR": "the question's and the context's models have no `encoder`; they are the published wrappers' own part",
}


def places(model: Any) -> dict[str, str | None]:
    """Method -> path of the module that it gives; "" is the model itself."""
    paths = {id(module): path for path, module in model.named_modules()}
    return {name: paths.get(id(getattr(model, name)())) for name in ("get_encoder", "get_decoder")}


@each(every_head())
def test_parts_lie_where_published_ones_do(models: Pair) -> None:
    ours, theirs = places(models.ours), places(models.reference)
    assert ours == theirs or models.name.startswith(tuple(APART))


@each(every_head())
def test_gradients_of_inputs_are_required_until_they_are_not(models: Pair) -> None:
    model = models.ours
    model.disable_input_require_grads()  # without effect
    if not models.inputs.keys() & {"input_ids", "decoder_input_ids"}:
        return
    model.enable_input_require_grads()
    model.enable_input_require_grads()
    embed = model.get_input_embeddings()
    if isinstance(embed, torch.nn.Embedding):
        with torch.no_grad():
            assert embed(torch.tensor([[1]])).requires_grad
        model.disable_input_require_grads()
        with torch.no_grad():
            assert not embed(torch.tensor([[1]])).requires_grad
    model.disable_input_require_grads()


@each(every_head())
def test_the_same_weights_are_tied(models: Pair) -> None:
    ours, theirs = models.ours.all_tied_weights_keys, models.reference.all_tied_weights_keys
    places = dict(models.reference.named_parameters(remove_duplicate=False))
    assert {id(places[name]) for name in theirs} == {id(places[name]) for name in ours}
