"""What a user's class does in place of a step of `generate`: called with the published arguments, and what it gives counts."""

from typing import Any

import pytest
import torch
import transformers

import bestiary

IDS = torch.tensor([[1, 2, 3, 4], [5, 6, 7, 8]])
PADDED = {"attention_mask": torch.tensor([[0, 0, 1, 1], [1, 1, 1, 1]])}
SIZES: dict[str, dict[str, Any]] = {
    "GPT2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "vocab_size": 50, "pad_token_id": 0, "eos_token_id": 49},
    "Llama": {"hidden_size": 16, "intermediate_size": 24, "num_attention_heads": 2, "num_hidden_layers": 2, "vocab_size": 50},
    "Bart": {"d_model": 16, "encoder_layers": 1, "decoder_layers": 2, "vocab_size": 50, "pad_token_id": 0, "eos_token_id": 49}
    | dict.fromkeys(("encoder_attention_heads", "decoder_attention_heads"), 2)
    | dict.fromkeys(("encoder_ffn_dim", "decoder_ffn_dim"), 24)
    | {"bos_token_id": 1, "decoder_start_token_id": 2, "forced_eos_token_id": None},
}
HEADS = {"GPT2": "GPT2LMHeadModel", "Llama": "LlamaForCausalLM", "Bart": "BartForConditionalGeneration"}


def seen(value: Any) -> Any:
    """What of an argument is the same in both libraries."""
    if isinstance(value, torch.Tensor):
        return value.tolist()
    return value if isinstance(value, int | str | bool | None) else type(value).__name__


class Steps:
    """Changes of single steps, each of which changes the tokens; `calls` are the arguments it got."""

    @staticmethod
    def mask(base: Any, calls: list[Any]) -> Any:
        class Model(base):  # type: ignore[misc]
            def _prepare_attention_mask_for_generation(self, inputs: Any, settings: Any, kwargs: Any) -> Any:
                calls.append((seen(inputs), settings.max_new_tokens, sorted(kwargs)))
                mask = super()._prepare_attention_mask_for_generation(inputs, settings, kwargs)
                mask[0, :2] = 0
                return mask

        return Model

    @staticmethod
    def settings(base: Any, calls: list[Any]) -> Any:
        class Model(base):  # type: ignore[misc]
            def _prepare_generation_config(self, generation_config: Any, mine: int = 0, **kwargs: Any) -> Any:
                calls.append((seen(generation_config), mine, {name: seen(each) for name, each in kwargs.items()}))
                settings, rest = super()._prepare_generation_config(generation_config, **kwargs)
                settings.max_new_tokens -= 2
                settings.repetition_penalty = 1.7
                return settings, rest

        return Model

    @staticmethod
    def inputs(base: Any, calls: list[Any]) -> Any:
        class Model(base):  # type: ignore[misc]
            def _prepare_model_inputs(self, inputs: Any = None, bos_token_id: Any = None, model_kwargs: Any = None) -> Any:
                calls.append((seen(inputs), seen(bos_token_id), sorted(model_kwargs)))
                ids, name, rest = super()._prepare_model_inputs(inputs, bos_token_id, model_kwargs)
                return ids + 1, name, rest

        return Model

    @staticmethod
    def cache(base: Any, calls: list[Any]) -> Any:
        library = transformers if base.__module__.startswith("transformers") else bestiary

        class Halved(library.DynamicCache):  # type: ignore[misc]
            def update(self, keys: Any, values: Any, layer: int, *others: Any, **more: Any) -> Any:
                return super().update(keys, values / 2, layer, *others, **more)

        class Model(base):  # type: ignore[misc]
            def _prepare_cache_for_generation(
                self, settings: Any, kwargs: Any, generation_mode: Any, batch_size: int, max_cache_length: int
            ) -> None:
                calls.append((str(generation_mode), batch_size, max_cache_length))
                kwargs["past_key_values"] = Halved()

        return Model

    @staticmethod
    def each(base: Any, calls: list[Any]) -> Any:
        class Model(base):  # type: ignore[misc]
            def prepare_inputs_for_generation(self, input_ids: Any, next_sequence_length: Any = None, **kwargs: Any) -> Any:
                places = kwargs.get("position_ids")
                calls.append((seen(input_ids), next_sequence_length, kwargs.get("is_first_iteration", False), seen(places)))
                inputs = super().prepare_inputs_for_generation(input_ids, next_sequence_length=next_sequence_length, **kwargs)
                calls.append({name: seen(inputs.get(name)) for name in ("input_ids", "position_ids", "logits_to_keep")})
                if places is not None:
                    inputs["position_ids"] = inputs["position_ids"] * 2
                return inputs

        return Model


def pair(family: str, change: Any) -> tuple[Any, Any, list[Any], list[Any]]:
    """The published model and ours, with the same weights and the same changed step, and the lists of its calls."""
    calls: tuple[list[Any], list[Any]] = ([], [])
    models = []
    for library, its in zip((transformers, bestiary), calls, strict=True):
        settings = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 49} | SIZES[family]
        config = getattr(library, f"{family}Config")(**settings)
        models.append(change(getattr(library, HEADS[family]), its)(config).eval())
    torch.manual_seed(0)
    with torch.no_grad():
        for parameter in models[0].parameters():
            parameter.normal_(std=0.2)
    models[1].load_state_dict(models[0].state_dict(), strict=False)
    return models[0], models[1], *calls


@pytest.mark.parametrize("family", HEADS)
@pytest.mark.parametrize("name", ["mask", "settings", "inputs", "cache", "each"])
@pytest.mark.parametrize("options", [{}, {"num_beams": 3}, PADDED], ids=["greedy", "beams", "padded"])
def test_a_changed_step_counts_as_there(family: str, name: str, options: dict[str, Any]) -> None:
    if family == "Bart" and name == "cache":
        pytest.skip("its cache is one of two kinds")
    theirs, ours, there, here = pair(family, getattr(Steps, name))
    mine = {"mine": 3} if name == "settings" else {}
    arguments = {**options, **mine, "max_new_tokens": 6}
    expected = theirs.generate(IDS, **arguments).tolist()
    assert ours.generate(IDS, **arguments).tolist() == expected
    if name != "each":
        assert here == there
    elif not options:
        assert [call for call in here if isinstance(call, tuple)] == [call for call in there if isinstance(call, tuple)]
        assert [call for call in here if isinstance(call, dict)] == [call for call in there if isinstance(call, dict)]


def test_a_step_put_on_the_model_itself_counts() -> None:
    theirs, ours, _, _ = pair("GPT2", lambda base, calls: type("Model", (base,), {}))
    for model in (theirs, ours):
        before = model.prepare_inputs_for_generation

        def shifted(ids: Any, before: Any = before, **kwargs: Any) -> Any:
            inputs = before(ids, **kwargs)
            return {**inputs, "position_ids": inputs["position_ids"] + 3}

        model.prepare_inputs_for_generation = shifted
    assert ours.generate(IDS, max_new_tokens=6).tolist() == theirs.generate(IDS, max_new_tokens=6).tolist()


def test_a_cache_that_holds_the_beginning_is_gone_on_with() -> None:
    def with_beginning(base: Any, calls: list[Any]) -> Any:
        class Model(base):  # type: ignore[misc]
            def _prepare_cache_for_generation(self, settings: Any, kwargs: Any, *others: Any) -> None:
                kwargs["past_key_values"] = self(IDS[:, :2] + 7, use_cache=True).past_key_values

        return Model

    theirs, ours, _, _ = pair("GPT2", with_beginning)
    assert ours.generate(IDS, max_new_tokens=6).tolist() == theirs.generate(IDS, max_new_tokens=6).tolist()
