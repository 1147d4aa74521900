"""Pipelines: from raw input to an answer in one call. One file per task in `tasks/`; the file's name is the task's."""

from ..core.plugins import lazy

__getattr__, __dir__ = lazy(
    __name__,
    {
        "pipeline": ["pipeline", "get_task"],
        "base": ["Pipeline", "ChunkPipeline"],
        "registry": ["PIPELINE_REGISTRY", "PipelineRegistry"],
        "defaults": ["embedded_model_path"],
        "datasets": ["KeyDataset", "KeyPairDataset", "PipelineIterator"],
        "tasks.text_generation": ["TextGenerationPipeline"],
        "tasks.text2text_generation": ["Text2TextGenerationPipeline"],
        "tasks.summarization": ["SummarizationPipeline"],
        "tasks.translation": ["TranslationPipeline"],
        "tasks.fill_mask": ["FillMaskPipeline"],
        "tasks.text_classification": ["TextClassificationPipeline"],
        "tasks.token_classification": ["TokenClassificationPipeline", "AggregationStrategy"],
        "tasks.question_answering": ["QuestionAnsweringPipeline"],
        "tasks.zero_shot_classification": ["ZeroShotClassificationPipeline"],
        "tasks.feature_extraction": ["FeatureExtractionPipeline"],
        "tasks.image_classification": ["ImageClassificationPipeline"],
        "tasks.image_feature_extraction": ["ImageFeatureExtractionPipeline"],
        "tasks.zero_shot_image_classification": ["ZeroShotImageClassificationPipeline"],
        "tasks.automatic_speech_recognition": ["AutomaticSpeechRecognitionPipeline"],
    },
)
