"""The steps of a generation under their published names: loops by hand and classes that change a step, on both libraries."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
import transformers
from kit import checkpoints
from torch import Tensor

import bestiary
from bestiary.core.errors import ArgumentError

IDS = torch.tensor([[0, 0, 5, 7, 9], [3, 4, 6, 8, 10]])
MASK = torch.tensor([[0, 0, 1, 1, 1], [1, 1, 1, 1, 1]])
BOTH = [bestiary, transformers]


def equal(ours: Any, theirs: Any) -> None:
    torch.testing.assert_close(torch.as_tensor(ours), torch.as_tensor(theirs))


def loop(library: Any, folder: str, opener: str, **settings: Any) -> tuple[Tensor, list[Tensor]]:
    """Tokens and scores of a loop as people write it."""
    model = getattr(library, opener).from_pretrained(folder)
    encoder = model.config.is_encoder_decoder
    config, kwargs = model._prepare_generation_config(None, attention_mask=MASK, pad_token_id=0, **settings)
    model._validate_model_kwargs(kwargs.copy())
    model._prepare_special_tokens(config, True, device="cpu")
    ids, name, kwargs = model._prepare_model_inputs(IDS, config._bos_token_tensor, kwargs)
    assert name == "input_ids"
    if encoder:
        kwargs["encoder_outputs"] = model.get_encoder()(ids, attention_mask=MASK)
        ids = torch.full((2, 1), int(config._decoder_start_token_tensor))
    ids, kwargs = model._expand_inputs_for_generation(2, encoder, ids, **kwargs)
    kwargs["use_cache"] = True
    processors = model._get_logits_processor(
        config, ids.shape[1], IDS, None, library.LogitsProcessorList(), model_kwargs=kwargs
    )
    criteria = model._get_stopping_criteria(config, library.StoppingCriteriaList())
    scores: list[Tensor] = []
    with torch.no_grad():
        outputs = model._prefill(ids, config, kwargs)
        for _ in range(4):
            kwargs = model._update_model_kwargs_for_generation(outputs, kwargs, is_encoder_decoder=encoder)
            scores.append(processors(ids, outputs.logits[:, -1]))
            ids = torch.cat([ids, scores[-1].argmax(-1, keepdim=True)], 1)
            outputs = model(**model.prepare_inputs_for_generation(ids, next_sequence_length=1, **kwargs), return_dict=True)
    assert criteria(ids, None).all()
    assert not model._has_unfinished_sequences(True, False, ids.device)
    return ids, scores


@pytest.mark.parametrize(("opener", "folder"), [("LlamaForCausalLM", "llama"), ("T5ForConditionalGeneration", "t5")])
def test_a_loop_by_hand_gives_the_tokens_of_the_reference(opener: str, folder: str) -> None:
    length = 9 if folder == "llama" else 5
    settings = {"max_length": length, "suppress_tokens": [3, 8], "no_repeat_ngram_size": 2}
    (ours, scores), (theirs, expected) = (
        loop(library, str(vars(checkpoints)[folder]()), opener, **settings) for library in BOTH
    )
    assert ours.tolist() == theirs.tolist()
    equal(torch.stack(scores), torch.stack(expected))


def test_masks_and_first_tokens_are_those_of_the_reference() -> None:
    models = [library.LlamaForCausalLM.from_pretrained(checkpoints.llama()) for library in BOTH]
    for settings in ({"pad_token_id": 0}, {"pad_token_id": 0, "eos_token_id": [0, 3]}, {}):
        masks = []
        for model in models:
            config, _ = model._prepare_generation_config(None, **settings)
            model._prepare_special_tokens(config, True, device="cpu")
            masks.append(model._prepare_attention_mask_for_generation(IDS, config, {}))
        equal(*masks)
    begun = [model._prepare_model_inputs(None, torch.tensor(1), {"attention_mask": MASK}) for model in models]
    assert begun[0][0].tolist() == begun[1][0].tolist() == [[1], [1]]
    embeds = torch.zeros(2, 3, 4)
    begun = [model._prepare_model_inputs(None, None, {"inputs_embeds": embeds}) for model in models]
    assert [(each[1], each[2]["input_ids"].shape) for each in begun] == [("inputs_embeds", (2, 0))] * 2
    with pytest.raises(ArgumentError, match="no bos_token_id to begin with"):
        models[0]._prepare_model_inputs(None, None, {})
    with pytest.raises(ArgumentError, match="same thing"):
        models[0]._prepare_model_inputs(IDS, None, {"input_ids": IDS})


def test_columns_go_on_as_in_the_reference() -> None:
    columns = {"attention_mask": MASK, "position_ids": torch.tensor([[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]), "token_type_ids": MASK}
    models = [library.LlamaForCausalLM.from_pretrained(checkpoints.llama()) for library in BOTH]
    kinds = (bestiary.core.outputs.CausalLMOutput, transformers.modeling_outputs.CausalLMOutputWithPast)
    for new in (1, 3):
        ours, theirs = (
            model._update_model_kwargs_for_generation(kind(logits=None), dict(columns), num_new_tokens=new)
            for model, kind in zip(models, kinds, strict=True)
        )
        assert ours.keys() == theirs.keys()
        for name in ours:
            equal(ours[name], theirs[name])


def changed(library: Any) -> Any:
    """A class of somebody's that changes three steps."""

    class Changed(library.LlamaForCausalLM):  # type: ignore[misc]
        def _get_logits_processor(self, *args: Any, **kwargs: Any) -> Any:
            processors = super()._get_logits_processor(*args, **kwargs)
            processors.append(lambda ids, scores: scores.index_fill(1, torch.tensor([7]), 50.0 if ids.shape[1] % 2 else -50.0))
            return processors

        def _get_stopping_criteria(self, *args: Any, **kwargs: Any) -> Any:
            criteria = super()._get_stopping_criteria(*args, **kwargs)
            criteria.append(lambda ids, scores, **kwargs: ids.shape[1] >= 9 + torch.zeros(ids.shape[0], dtype=torch.long))
            return criteria

        def _update_model_kwargs_for_generation(self, outputs: Any, model_kwargs: Any, **kwargs: Any) -> Any:
            updated = super()._update_model_kwargs_for_generation(outputs, model_kwargs, **kwargs)
            self.__dict__.setdefault("passes", []).append(outputs.logits.shape[0])
            return updated

    return Changed.from_pretrained(checkpoints.llama())


def test_a_changed_step_counts_in_generate() -> None:
    told = []
    for library in BOTH:
        model, heard = changed(library), []
        streamer = SimpleNamespace(
            put=lambda ids, heard=heard: heard.append(ids.tolist()), end=lambda heard=heard: heard.append("end")
        )
        options = {
            "attention_mask": MASK,
            "max_new_tokens": 6,
            "do_sample": False,
            "pad_token_id": 0,
            "no_repeat_ngram_size": 2,
        }
        ids = model.generate(IDS, **options)
        output = model.generate(IDS, **options, return_dict_in_generate=True, output_scores=True, output_logits=True)
        model.generate(IDS[1:], max_new_tokens=2, do_sample=False, pad_token_id=0, streamer=streamer)
        torch.manual_seed(0)
        drawn = model.generate(IDS, **{**options, "do_sample": True}, top_k=5)
        told.append((ids, torch.stack(output.scores), torch.stack(output.logits), drawn, (heard, model.passes)))
    ours, theirs = told
    assert ours[0].shape == (2, 9)  # its own criterion ended it
    for mine, other in zip(ours[:4], theirs[:4], strict=True):
        equal(mine, other)
    assert ours[4] == theirs[4]


def test_beams_tell_that_they_do_not_call_a_changed_step(recwarn: Any) -> None:
    model = changed(bestiary)
    model.generate(IDS, attention_mask=MASK, max_new_tokens=2, num_beams=2, do_sample=False, pad_token_id=0)
    assert any("which beams, drafts and seeds do not call" in str(each.message) for each in recwarn)
