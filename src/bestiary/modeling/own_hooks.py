"""Steps of a generation that a model's user wrote: they get the published arguments, and what they give is used."""

from inspect import signature
from typing import Any

from torch import Tensor

from ..cache.continued import as_cache
from ..core.errors import ArgumentError
from ..core.logging import warn_once
from ..core.signatures import is_of_the_library, undecorated
from ..nn.masks import positions


class OwnHooks:
    """Where `generate` would do by itself what a published step does, that step is called if it stands outside this library.

    On the class of the model or on the model itself, as adapters put it there.
    """

    def forward_arguments(self: Any, call: Any) -> dict[str, Any]:
        """The arguments that a `Call` has for the forward, `inputs` under the name of the main one."""
        arguments, main = dict(call.model_inputs), self.main_input_name
        if call.inputs is not None:
            if arguments.get(main) is not None:
                raise ArgumentError(f"inputs and {main} are the same thing; pass one of them")
            arguments[main] = call.inputs
        if arguments.pop("labels", None) is not None:
            warn_once("labels-unused", "generate computes no loss: labels change nothing; pass them to the model itself")
        masks = not self.config.is_encoder_decoder and _is_own(self._prepare_attention_mask_for_generation)
        if (masks or _is_own(self._prepare_model_inputs)) and arguments.get("encoder_outputs") is None:
            inputs = arguments.pop(main, None)
            inputs, name, arguments = self._prepare_model_inputs(inputs, call.settings.bos_token_id, arguments)
            if masks and arguments.get("attention_mask") is None:
                mask = self._prepare_attention_mask_for_generation(inputs, call.settings, arguments)
                arguments |= {} if mask is None else {"attention_mask": mask}
            arguments[name] = inputs
        return arguments

    def bring_cache(self: Any, prompt: Any) -> bool:
        """Let a step of the user's make the cache of a `Prompt`; whether it holds tokens of the prompt already."""
        if not _is_own(self._prepare_cache_for_generation):
            return False
        settings, mask = prompt.settings, prompt.mask
        given = {**prompt.constant, **prompt.first, prompt.names.mask: None if mask is None else mask.long()}
        given |= {} if prompt.cache is None else {"past_key_values": prompt.cache}
        rows, length = prompt.ids.shape[0] // prompt.copies, prompt.offset + prompt.max_length - 1
        self._prepare_cache_for_generation(settings, given, settings.get_generation_mode(), rows, length)
        cache = given.get("past_key_values")
        if cache is None or cache is prompt.cache:
            return False
        cache = as_cache(cache, self.config.is_encoder_decoder)
        if cache.get_seq_length():
            prompt.constant["past_key_values"] = cache
            return True
        prompt.cache = cache
        return False

    def inputs_of_pass(self: Any, run: Any, input_ids: Tensor | None, **inputs: Any) -> dict[str, Any]:
        """The arguments of one forward of a `Decoding`; a step of the user's gets all tokens, and positions for them.

        Args:
            input_ids: (R, new) the tokens that the model has not seen; None where embeddings stand for them.
            inputs: everything else, under the names of the forward.
        """
        if not _is_own(self.prepare_inputs_for_generation):
            arguments: dict[str, Any] = self.prepare_inputs_for_generation(input_ids, **inputs)
            return arguments
        prompt, new = run.prompt, run.slots - run.fed
        first = inputs[prompt.names.embeds] if input_ids is None else input_ids
        ids: Tensor = run.ids[:: len(run.ids) // len(first)]  # rows that are still equal run once
        if prompt.counts_positions and "position_ids" not in inputs and _takes_positions(self):
            counted = positions(inputs.get(prompt.names.mask), run.slots, 0, ids.device, prompt.first_position)
            inputs["position_ids"] = counted.expand(len(ids), -1)
        if new == 1 and "logits_to_keep" in prompt.first:
            inputs.setdefault("logits_to_keep", 1)
        begins = self.config.is_encoder_decoder and inputs["is_first_iteration"]
        length = None if inputs["past_key_values"] is None or begins else new
        theirs: dict[str, Any] = self.prepare_inputs_for_generation(ids, next_sequence_length=length, **inputs)
        return theirs


def _is_own(method: Any) -> bool:
    return not is_of_the_library(getattr(method, "__func__", method))


def _takes_positions(model: Any) -> bool:
    """Whether forward names them: a user's may hand on what it does not name to something that has none."""
    forward = type(model).forward
    return is_of_the_library(forward) or "position_ids" in signature(undecorated(forward)).parameters
