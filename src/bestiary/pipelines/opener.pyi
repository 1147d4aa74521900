# What `pipeline` takes and gives for each task.
# Written by scripts/write_option_fields.py; do not edit.

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypedDict, TypeVar, Unpack, overload

from torch import Generator, Tensor

from ..generation.fields import OptionKeywords
from .base import Pipeline
from .registry import TaskName
from .tasks.automatic_speech_recognition import AutomaticSpeechRecognitionPipeline
from .tasks.depth_estimation import DepthEstimationPipeline
from .tasks.feature_extraction import FeatureExtractionPipeline
from .tasks.fill_mask import FillMaskPipeline
from .tasks.image_classification import ImageClassificationPipeline
from .tasks.image_feature_extraction import ImageFeatureExtractionPipeline
from .tasks.image_segmentation import ImageSegmentationPipeline
from .tasks.image_to_image import ImageToImagePipeline
from .tasks.keypoint_matching import KeypointMatchingPipeline
from .tasks.mask_generation import MaskGenerationPipeline
from .tasks.object_detection import ObjectDetectionPipeline
from .tasks.question_answering import QuestionAnsweringPipeline
from .tasks.summarization import SummarizationPipeline
from .tasks.table_question_answering import TableQuestionAnsweringPipeline
from .tasks.text2text_generation import Text2TextGenerationPipeline
from .tasks.text_classification import TextClassificationPipeline
from .tasks.text_generation import TextGenerationPipeline
from .tasks.token_classification import TokenClassificationPipeline
from .tasks.translation import TranslationPipeline
from .tasks.video_classification import VideoClassificationPipeline
from .tasks.zero_shot_classification import ZeroShotClassificationPipeline
from .tasks.zero_shot_image_classification import ZeroShotImageClassificationPipeline

Kind = TypeVar("Kind", bound=Pipeline)

class _Opening(TypedDict, total=False):
    batch_size: int | None
    num_workers: int | None
    config: Any
    tokenizer: Any
    feature_extractor: Any
    image_processor: Any
    video_processor: Any
    processor: Any
    framework: str | None
    revision: str | None
    use_fast: bool
    token: bool | str | None
    device: Any
    device_map: Any
    dtype: Any
    trust_remote_code: bool | None
    model_kwargs: dict[str, Any] | None
    torch_dtype: Any
    subfolder: str
    cache_dir: os.PathLike[str] | str | None
    local_files_only: bool
    force_download: bool
    repo_type: str
    code_revision: str | None
    code_digest: str | None

class _Generating(_Opening, OptionKeywords, total=False):
    generation_config: Any
    logits_processor: list[Any] | None
    stopping_criteria: list[Any] | None
    prefix_allowed_tokens_fn: Callable[[int, Tensor], list[int]] | None
    synced_gpus: bool | None
    assistant_model: Any
    streamer: Any
    negative_prompt_ids: Tensor | None
    negative_prompt_attention_mask: Tensor | None
    custom_generate: Any
    use_model_defaults: bool | None
    seed: int | list[int] | None
    generator: Generator | None
    constraint: Any
    reproducible: bool
    prefix_store: Any
    input_ids: Tensor | None
    attention_mask: Tensor | None
    context_input_ids: Tensor | None
    context_attention_mask: Tensor | None
    doc_scores: Tensor | None
    n_docs: int | None
    input_features: Tensor | None
    return_timestamps: bool | None
    language: list[str] | str | None
    is_multilingual: bool | None
    prompt_ids: Tensor | None
    prompt_condition_type: str | None
    condition_on_prev_tokens: bool | None
    compression_ratio_threshold: float | None
    logprob_threshold: float | None
    no_speech_threshold: float | None
    num_segment_frames: int | None
    time_precision: float
    time_precision_features: float
    return_token_timestamps: bool | None
    return_segments: bool
    force_unique_generate_call: bool | None
    monitor_progress: Callable[[Tensor], None] | None

class AutomaticSpeechRecognitionKeywords(_Generating, total=False):
    chunk_length_s: float | None
    stride_length_s: Any
    return_language: bool | None
    generate_kwargs: dict[str, Any] | None

class DepthEstimationKeywords(_Opening, total=False):
    timeout: float | None
    parameters: dict[str, Any] | None

class FeatureExtractionKeywords(_Opening, total=False):
    truncation: Any
    tokenize_kwargs: dict[str, Any] | None
    return_tensors: Any
    pool: Any

class FillMaskKeywords(_Opening, total=False):
    top_k: int | None
    targets: Any
    tokenizer_kwargs: dict[str, Any] | None

class ImageClassificationKeywords(_Opening, total=False):
    top_k: int | None
    function_to_apply: Any
    timeout: float | None

class ImageFeatureExtractionKeywords(_Opening, total=False):
    image_processor_kwargs: dict[str, Any] | None
    return_tensors: Any
    pool: bool | None
    timeout: float | None

class ImageSegmentationKeywords(_Opening, total=False):
    subtask: str | None
    threshold: float | None
    mask_threshold: float | None
    overlap_mask_area_threshold: float | None
    timeout: float | None

class ImageToImageKeywords(_Opening, total=False):
    timeout: float | None

class KeypointMatchingKeywords(_Opening, total=False):
    threshold: float | None
    timeout: float | None

class MaskGenerationKeywords(_Opening, total=False):
    points_per_batch: int | None
    points_per_crop: int | None
    crops_n_layers: int | None
    crop_overlap_ratio: float | None
    crop_n_points_downscale_factor: int | None
    pred_iou_thresh: float | None
    stability_score_thresh: float | None
    stability_score_offset: float | None
    mask_threshold: float | None
    crops_nms_thresh: float | None
    output_rle_mask: bool | None
    output_bboxes_mask: bool | None
    timeout: float | None

class ObjectDetectionKeywords(_Opening, total=False):
    threshold: float | None
    timeout: float | None

class QuestionAnsweringKeywords(_Opening, total=False):
    top_k: int | None
    topk: int | None
    doc_stride: int | None
    max_answer_len: int | None
    max_seq_len: int | None
    max_question_len: int | None
    handle_impossible_answer: bool | None
    align_to_words: bool | None

class SummarizationKeywords(_Generating, total=False):
    return_tensors: bool | None
    return_text: bool | None
    return_type: Any
    clean_up_tokenization_spaces: bool | None
    truncation: Any
    stop_sequence: Any
    prefix: str | None

class TableQuestionAnsweringKeywords(_Generating, total=False):
    padding: bool | str | None
    truncation: Any
    return_tensors: bool | None
    return_text: bool | None
    return_type: Any
    clean_up_tokenization_spaces: bool | None
    stop_sequence: Any
    prefix: str | None

class Text2TextGenerationKeywords(_Generating, total=False):
    return_tensors: bool | None
    return_text: bool | None
    return_type: Any
    clean_up_tokenization_spaces: bool | None
    truncation: Any
    stop_sequence: Any
    prefix: str | None

class TextClassificationKeywords(_Opening, total=False):
    text: Any
    text_pair: Any
    text_target: Any
    text_pair_target: Any
    add_special_tokens: bool
    padding: bool | str
    truncation: bool | str | None
    max_length: int | None
    stride: int
    is_split_into_words: bool
    pad_to_multiple_of: int | None
    padding_side: str | None
    return_tensors: str | None
    return_token_type_ids: bool | None
    return_attention_mask: bool | None
    return_overflowing_tokens: bool
    return_special_tokens_mask: bool
    return_offsets_mapping: bool
    return_length: bool
    verbose: bool
    tokenizer_kwargs: Any
    truncation_side: str | None
    split_special_tokens: bool | None
    add_prefix_space: bool | None
    max_target_length: int | None
    on_too_long: str | None
    return_all_scores: Any
    top_k: Any
    function_to_apply: Any

class TextGenerationKeywords(_Generating, total=False):
    return_full_text: bool | None
    return_tensors: bool | None
    return_text: bool | None
    return_type: Any
    clean_up_tokenization_spaces: bool | None
    prefix: str | None
    handle_long_generation: str | None
    stop_sequence: Any
    truncation: Any
    continue_final_message: bool | None
    skip_special_tokens: bool | None
    tokenizer_encode_kwargs: dict[str, Any] | None
    tools: list[Any] | None
    documents: list[Any] | None
    add_special_tokens: bool | None
    padding: Any

class TokenClassificationKeywords(_Opening, total=False):
    ignore_labels: Any
    aggregation_strategy: Any
    is_split_into_words: bool | None
    stride: int | None
    delimiter: str | None
    grouped_entities: bool | None
    ignore_subwords: bool | None

class TranslationKeywords(_Generating, total=False):
    src_lang: str | None
    tgt_lang: str | None
    return_tensors: bool | None
    return_text: bool | None
    return_type: Any
    clean_up_tokenization_spaces: bool | None
    truncation: Any
    stop_sequence: Any
    prefix: str | None

class VideoClassificationKeywords(_Opening, total=False):
    top_k: int | None
    num_frames: int | None
    frame_sampling_rate: int | None
    function_to_apply: Any

class ZeroShotClassificationKeywords(_Opening, total=False):
    candidate_labels: Any
    hypothesis_template: str | None
    multi_label: bool | None
    tokenizer_kwargs: dict[str, Any] | None

class ZeroShotImageClassificationKeywords(_Opening, total=False):
    candidate_labels: Any
    hypothesis_template: str | None
    tokenizer_kwargs: dict[str, Any] | None
    timeout: float | None

class Opener(Protocol):
    @overload
    def __call__(self, task: str | None = None, model: Any = None, *, pipeline_class: type[Kind], **options: Any) -> Kind: ...
    @overload
    def __call__(
        self,
        task: Literal["automatic-speech-recognition"],
        model: Any = None,
        **options: Unpack[AutomaticSpeechRecognitionKeywords],
    ) -> AutomaticSpeechRecognitionPipeline: ...
    @overload
    def __call__(
        self, task: Literal["depth-estimation"], model: Any = None, **options: Unpack[DepthEstimationKeywords]
    ) -> DepthEstimationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["feature-extraction"], model: Any = None, **options: Unpack[FeatureExtractionKeywords]
    ) -> FeatureExtractionPipeline: ...
    @overload
    def __call__(
        self, task: Literal["fill-mask"], model: Any = None, **options: Unpack[FillMaskKeywords]
    ) -> FillMaskPipeline: ...
    @overload
    def __call__(
        self, task: Literal["image-classification"], model: Any = None, **options: Unpack[ImageClassificationKeywords]
    ) -> ImageClassificationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["image-feature-extraction"], model: Any = None, **options: Unpack[ImageFeatureExtractionKeywords]
    ) -> ImageFeatureExtractionPipeline: ...
    @overload
    def __call__(
        self, task: Literal["image-segmentation"], model: Any = None, **options: Unpack[ImageSegmentationKeywords]
    ) -> ImageSegmentationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["image-to-image"], model: Any = None, **options: Unpack[ImageToImageKeywords]
    ) -> ImageToImagePipeline: ...
    @overload
    def __call__(
        self, task: Literal["keypoint-matching"], model: Any = None, **options: Unpack[KeypointMatchingKeywords]
    ) -> KeypointMatchingPipeline: ...
    @overload
    def __call__(
        self, task: Literal["mask-generation"], model: Any = None, **options: Unpack[MaskGenerationKeywords]
    ) -> MaskGenerationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["object-detection"], model: Any = None, **options: Unpack[ObjectDetectionKeywords]
    ) -> ObjectDetectionPipeline: ...
    @overload
    def __call__(
        self, task: Literal["question-answering"], model: Any = None, **options: Unpack[QuestionAnsweringKeywords]
    ) -> QuestionAnsweringPipeline: ...
    @overload
    def __call__(
        self, task: Literal["summarization"], model: Any = None, **options: Unpack[SummarizationKeywords]
    ) -> SummarizationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["table-question-answering"], model: Any = None, **options: Unpack[TableQuestionAnsweringKeywords]
    ) -> TableQuestionAnsweringPipeline: ...
    @overload
    def __call__(
        self, task: Literal["text2text-generation"], model: Any = None, **options: Unpack[Text2TextGenerationKeywords]
    ) -> Text2TextGenerationPipeline: ...
    @overload
    def __call__(
        self,
        task: Literal["text-classification", "sentiment-analysis"],
        model: Any = None,
        **options: Unpack[TextClassificationKeywords],
    ) -> TextClassificationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["text-generation"], model: Any = None, **options: Unpack[TextGenerationKeywords]
    ) -> TextGenerationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["token-classification", "ner"], model: Any = None, **options: Unpack[TokenClassificationKeywords]
    ) -> TokenClassificationPipeline: ...
    @overload
    def __call__(
        self,
        task: Literal["translation", "translation_en_to_de", "translation_en_to_fr", "translation_en_to_ro"],
        model: Any = None,
        **options: Unpack[TranslationKeywords],
    ) -> TranslationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["video-classification"], model: Any = None, **options: Unpack[VideoClassificationKeywords]
    ) -> VideoClassificationPipeline: ...
    @overload
    def __call__(
        self, task: Literal["zero-shot-classification"], model: Any = None, **options: Unpack[ZeroShotClassificationKeywords]
    ) -> ZeroShotClassificationPipeline: ...
    @overload
    def __call__(
        self,
        task: Literal["zero-shot-image-classification"],
        model: Any = None,
        **options: Unpack[ZeroShotImageClassificationKeywords],
    ) -> ZeroShotImageClassificationPipeline: ...
    @overload
    def __call__(self, task: TaskName, model: Any = None, **options: Any) -> Pipeline: ...
    @overload
    def __call__(self, task: None = None, *, model: Any, **options: Any) -> Pipeline: ...
