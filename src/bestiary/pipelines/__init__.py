"""Pipelines: from raw input to an answer in one call. One file per task; the file's name is the task's."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "building": ["pipeline", "get_task"],
        "base": ["Pipeline", "ChunkPipeline"],
        "registry": ["PIPELINE_REGISTRY", "PipelineRegistry"],
        "defaults": ["embedded_model_path"],
        "pt_utils": ["KeyDataset", "KeyPairDataset", "PipelineIterator"],
        "text_generation": ["TextGenerationPipeline"],
        "text2text_generation": ["Text2TextGenerationPipeline"],
        "summarization": ["SummarizationPipeline"],
        "translation": ["TranslationPipeline"],
        "fill_mask": ["FillMaskPipeline"],
        "text_classification": ["TextClassificationPipeline"],
        "token_classification": ["TokenClassificationPipeline", "AggregationStrategy"],
        "question_answering": ["QuestionAnsweringPipeline"],
        "zero_shot_classification": ["ZeroShotClassificationPipeline"],
        "feature_extraction": ["FeatureExtractionPipeline"],
        "image_classification": ["ImageClassificationPipeline"],
        "image_feature_extraction": ["ImageFeatureExtractionPipeline"],
        "zero_shot_image_classification": ["ZeroShotImageClassificationPipeline"],
        "automatic_speech_recognition": ["AutomaticSpeechRecognitionPipeline"],
    },
)
