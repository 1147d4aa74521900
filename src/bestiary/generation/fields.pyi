# Every option of generation, its kind, its default, and the file that declares it; and what `generate` takes.
# Written by scripts/write_option_fields.py; do not edit.

from collections.abc import Callable
from enum import Enum
from typing import Any, Literal, TypedDict

from torch import Generator, Tensor

from ..core.kinds import Amount, EndlessAmount, EndlessPositive, Natural, Positive, Rate, Whole
from ..hub.pretrained import PretrainedRecord
from .config import GenerationConfig

class GenerationMode(str, Enum):  # noqa: UP042 (as published)
    ASSISTED_GENERATION = "assisted_generation"
    BEAM_SEARCH = "beam_search"
    BEAM_SAMPLE = "beam_sample"
    GREEDY_SEARCH = "greedy_search"
    SAMPLE = "sample"
    CONSTRAINED_BEAM_SEARCH = "constrained_beam_search"
    CONTRASTIVE_SEARCH = "contrastive_search"
    DOLA_GENERATION = "dola_generation"
    GROUP_BEAM_SEARCH = "group_beam_search"

class Fields(PretrainedRecord):
    # compiled
    compile_config: Any | None = None
    disable_compile: bool | None = None

    # config
    max_length: Natural | None = None
    max_new_tokens: Natural | None = None
    num_return_sequences: Natural | None = None  # counts as 1
    use_cache: bool | None = None  # counts as True
    cache_implementation: str | None = None
    cache_config: Any | None = None
    max_cache_len: Natural | None = None
    prefill_chunk_size: Natural | None = None
    return_dict_in_generate: bool | None = None  # counts as False
    output_attentions: bool | None = None  # counts as False
    output_hidden_states: bool | None = None  # counts as False
    output_scores: bool | None = None  # counts as False
    output_logits: bool | None = None  # counts as False
    output_token_logprobs: bool | None = None  # counts as False
    return_legacy_cache: bool | None = None
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None
    decoder_start_token_id: int | list[int] | None = None
    is_assistant: bool | None = None
    continuous_batching_config: Any | None = None
    use_mtp: bool | None = None
    speculation_type: str | None = None

    # healing
    token_healing: bool | None = None

    # stopping
    max_time: Amount | None = None
    stop_strings: str | list[str] | None = None

    # processors/bad_words
    bad_words_ids: list[list[int]] | None = None

    # processors/begin_suppress_tokens
    begin_suppress_tokens: list[int] | None = None

    # processors/encoder_no_repeat_ngram
    encoder_no_repeat_ngram_size: Whole | None = None  # counts as 0

    # processors/encoder_repetition_penalty
    encoder_repetition_penalty: Positive | None = None  # counts as 1.0

    # processors/epsilon_cutoff
    epsilon_cutoff: Rate | None = None  # counts as 0.0

    # processors/eta_cutoff
    eta_cutoff: Rate | None = None  # counts as 0.0

    # processors/exponential_decay_length
    exponential_decay_length_penalty: tuple[int, float] | None = None

    # processors/forced_bos
    forced_bos_token_id: int | None = None

    # processors/forced_eos
    forced_eos_token_id: int | list[int] | None = None

    # processors/guidance_scale
    guidance_scale: float | None = None

    # processors/hamming_diversity
    diversity_penalty: float | None = None  # counts as 0.0

    # processors/min_length
    min_length: Whole | None = None  # counts as 0

    # processors/min_new_tokens
    min_new_tokens: Whole | None = None

    # processors/min_p
    min_p: Rate | None = None

    # processors/no_repeat_ngram
    no_repeat_ngram_size: Whole | None = None  # counts as 0

    # processors/remove_invalid_values
    remove_invalid_values: bool | None = None  # counts as False

    # processors/renormalize_logits
    renormalize_logits: bool | None = None  # counts as False

    # processors/repetition_penalty
    repetition_penalty: EndlessPositive | None = None  # counts as 1.0

    # processors/sequence_bias
    sequence_bias: Any | None = None

    # processors/suppress_tokens
    suppress_tokens: list[int] | None = None

    # processors/temperature
    temperature: EndlessAmount | None = None  # counts as 1.0

    # processors/top_h
    top_h: Rate | None = None

    # processors/top_k
    top_k: Whole | None = None  # counts as 50

    # processors/top_p
    top_p: Rate | None = None  # counts as 1.0

    # processors/typical_p
    typical_p: Rate | None = None  # counts as 1.0

    # processors/watermarking
    watermarking_config: Any | None = None

    # strategies/assisted
    assistant_early_exit: int | None = None
    num_assistant_tokens: Natural | None = None  # counts as 20
    num_assistant_tokens_schedule: Literal["constant", "heuristic", "heuristic_transient"] | None = None  # counts as 'constant'
    assistant_confidence_threshold: Rate | None = None  # counts as 0.4
    assistant_lookbehind: int | None = None  # counts as 10
    target_lookbehind: int | None = None  # counts as 10
    assistant_ensemble_weight: float | None = None

    # strategies/beam
    num_beams: Natural | None = None  # counts as 1
    length_penalty: float | None = None  # counts as 1.0
    early_stopping: bool | Literal["never"] | None = None  # counts as False

    # strategies/prompt_lookup
    prompt_lookup_num_tokens: Whole | None = None
    max_matching_ngram_size: Natural | None = None

    # strategies/sample
    do_sample: bool | None = None  # counts as False

    # older/constrained_beam
    constraints: Any | None = None
    force_words_ids: Any | None = None

    # older/contrastive
    penalty_alpha: float | None = None
    low_memory: bool | None = None

    # older/dola
    dola_layers: str | list[int] | None = None

    # older/group_beam
    num_beam_groups: int | None = None  # counts as 1

class _Options(TypedDict, total=False):
    compile_config: Any | None
    disable_compile: bool | None
    max_length: Natural | None
    max_new_tokens: Natural | None
    num_return_sequences: Natural | None
    use_cache: bool | None
    cache_implementation: str | None
    cache_config: Any | None
    max_cache_len: Natural | None
    prefill_chunk_size: Natural | None
    output_attentions: bool | None
    output_hidden_states: bool | None
    output_scores: bool | None
    output_logits: bool | None
    output_token_logprobs: bool | None
    return_legacy_cache: bool | None
    pad_token_id: int | None
    bos_token_id: int | None
    eos_token_id: int | list[int] | None
    decoder_start_token_id: int | list[int] | None
    is_assistant: bool | None
    continuous_batching_config: Any | None
    use_mtp: bool | None
    speculation_type: str | None
    token_healing: bool | None
    max_time: Amount | None
    stop_strings: str | list[str] | None
    bad_words_ids: list[list[int]] | None
    begin_suppress_tokens: list[int] | None
    encoder_no_repeat_ngram_size: Whole | None
    encoder_repetition_penalty: Positive | None
    epsilon_cutoff: Rate | None
    eta_cutoff: Rate | None
    exponential_decay_length_penalty: tuple[int, float] | None
    forced_bos_token_id: int | None
    forced_eos_token_id: int | list[int] | None
    guidance_scale: float | None
    diversity_penalty: float | None
    min_length: Whole | None
    min_new_tokens: Whole | None
    min_p: Rate | None
    no_repeat_ngram_size: Whole | None
    remove_invalid_values: bool | None
    renormalize_logits: bool | None
    repetition_penalty: EndlessPositive | None
    sequence_bias: Any | None
    suppress_tokens: list[int] | None
    temperature: EndlessAmount | float | tuple[float, ...] | None
    top_h: Rate | None
    top_k: Whole | None
    top_p: Rate | None
    typical_p: Rate | None
    watermarking_config: Any | None
    assistant_early_exit: int | None
    num_assistant_tokens: Natural | None
    num_assistant_tokens_schedule: Literal["constant", "heuristic", "heuristic_transient"] | None
    assistant_confidence_threshold: Rate | None
    assistant_lookbehind: int | None
    target_lookbehind: int | None
    assistant_ensemble_weight: float | None
    num_beams: Natural | None
    length_penalty: float | None
    early_stopping: bool | Literal["never"] | None
    prompt_lookup_num_tokens: Whole | None
    max_matching_ngram_size: Natural | None
    do_sample: bool | None
    constraints: Any | None
    force_words_ids: Any | None
    penalty_alpha: float | None
    low_memory: bool | None
    dola_layers: str | list[int] | None
    num_beam_groups: int | None

class OptionKeywords(_Options, total=False):
    return_dict_in_generate: bool | None

class _Arguments(TypedDict, total=False):
    assistant_encoder_outputs: Any
    assistant_model: Any
    assistant_tokenizer: Any
    attention_mask: Tensor | None
    cache_params: Any
    compression_ratio_threshold: float | None
    condition_on_prev_tokens: bool | None
    constraint: Any
    context_attention_mask: Tensor | None
    context_input_ids: Tensor | None
    custom_generate: Any
    decoder_attention_mask: Tensor | None
    decoder_input_ids: Tensor | None
    decoder_inputs_embeds: Tensor | None
    decoder_position_ids: Tensor | None
    decoder_token_type_ids: Tensor | None
    do_marginalize: bool | None
    doc_scores: Tensor | None
    encoder_attention_mask: Tensor | None
    encoder_hidden_states: Tensor | None
    encoder_outputs: Any
    force_unique_generate_call: bool | None
    generator: Generator | None
    global_attention_mask: Tensor | None
    input_features: Tensor | None
    input_ids: Tensor | None
    input_mask: Tensor | None
    inputs_embeds: Tensor | None
    is_multilingual: bool | None
    langs: Tensor | None
    language: list[str] | str | None
    lengths: Tensor | None
    logits_processor: list[Any] | None
    logits_to_keep: Tensor | int
    logprob_threshold: float | None
    mems: Any
    monitor_progress: Callable[[Tensor], None] | None
    n_docs: int | None
    negative_prompt_attention_mask: Tensor | None
    negative_prompt_ids: Tensor | None
    no_speech_threshold: float | None
    num_hashes: int | None
    num_segment_frames: int | None
    output_retrieved: bool | None
    output_router_logits: bool | None
    past_buckets_states: Any
    past_key_values: Any
    per_layer_inputs: Tensor | None
    perm_mask: Tensor | None
    position_ids: Tensor | None
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None
    prefix_store: Any
    prompt_condition_type: str | None
    prompt_ids: Tensor | None
    reduce_loss: bool | None
    reproducible: bool
    return_segments: bool
    return_timestamps: bool | None
    return_token_timestamps: bool | None
    seed: int | list[int] | None
    state: list[Tensor] | None
    stopping_criteria: list[Any] | None
    streamer: Any
    synced_gpus: bool | None
    target_mapping: Tensor | None
    task: str | None
    time_precision: float
    time_precision_features: float
    token_type_ids: Tensor | None
    tokenizer: Any
    trust_remote_code: bool | None
    use_mems: bool | None
    use_model_defaults: bool | None

class GenerateKeywords(_Options, _Arguments, total=False):
    pass

class StepKeywords(OptionKeywords, _Arguments, total=False):
    generation_config: GenerationConfig | None
