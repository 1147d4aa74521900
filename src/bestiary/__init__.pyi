# Every public name and the module it comes from. `__init__.py` reads this file; so do editors and type checkers.

from .auto import AutoBackbone as AutoBackbone
from .auto import AutoConfig as AutoConfig
from .auto import AutoFeatureExtractor as AutoFeatureExtractor
from .auto import AutoImageProcessor as AutoImageProcessor
from .auto import AutoModel as AutoModel
from .auto import AutoModelForAudioClassification as AutoModelForAudioClassification
from .auto import AutoModelForAudioFrameClassification as AutoModelForAudioFrameClassification
from .auto import AutoModelForAudioTokenization as AutoModelForAudioTokenization
from .auto import AutoModelForAudioXVector as AutoModelForAudioXVector
from .auto import AutoModelForCausalLM as AutoModelForCausalLM
from .auto import AutoModelForCTC as AutoModelForCTC
from .auto import AutoModelForDecision as AutoModelForDecision
from .auto import AutoModelForDepthEstimation as AutoModelForDepthEstimation
from .auto import AutoModelForDocumentQuestionAnswering as AutoModelForDocumentQuestionAnswering
from .auto import AutoModelForImageClassification as AutoModelForImageClassification
from .auto import AutoModelForImageMatting as AutoModelForImageMatting
from .auto import AutoModelForImageSegmentation as AutoModelForImageSegmentation
from .auto import AutoModelForImageTextToText as AutoModelForImageTextToText
from .auto import AutoModelForImageToImage as AutoModelForImageToImage
from .auto import AutoModelForInstanceSegmentation as AutoModelForInstanceSegmentation
from .auto import AutoModelForKeypointDetection as AutoModelForKeypointDetection
from .auto import AutoModelForKeypointMatching as AutoModelForKeypointMatching
from .auto import AutoModelForMaskedImageModeling as AutoModelForMaskedImageModeling
from .auto import AutoModelForMaskedLM as AutoModelForMaskedLM
from .auto import AutoModelForMaskGeneration as AutoModelForMaskGeneration
from .auto import AutoModelForMultimodalLM as AutoModelForMultimodalLM
from .auto import AutoModelForMultipleChoice as AutoModelForMultipleChoice
from .auto import AutoModelForNextSentencePrediction as AutoModelForNextSentencePrediction
from .auto import AutoModelForNormalEstimation as AutoModelForNormalEstimation
from .auto import AutoModelForObjectDetection as AutoModelForObjectDetection
from .auto import AutoModelForPointmapEstimation as AutoModelForPointmapEstimation
from .auto import AutoModelForPoseEstimation as AutoModelForPoseEstimation
from .auto import AutoModelForPreTraining as AutoModelForPreTraining
from .auto import AutoModelForQuestionAnswering as AutoModelForQuestionAnswering
from .auto import AutoModelForRNNT as AutoModelForRNNT
from .auto import AutoModelForSemanticSegmentation as AutoModelForSemanticSegmentation
from .auto import AutoModelForSeq2SeqLM as AutoModelForSeq2SeqLM
from .auto import AutoModelForSequenceClassification as AutoModelForSequenceClassification
from .auto import AutoModelForSpeechSeq2Seq as AutoModelForSpeechSeq2Seq
from .auto import AutoModelForTableQuestionAnswering as AutoModelForTableQuestionAnswering
from .auto import AutoModelForTableRecognition as AutoModelForTableRecognition
from .auto import AutoModelForTDT as AutoModelForTDT
from .auto import AutoModelForTextEncoding as AutoModelForTextEncoding
from .auto import AutoModelForTextRecognition as AutoModelForTextRecognition
from .auto import AutoModelForTextToSpectrogram as AutoModelForTextToSpectrogram
from .auto import AutoModelForTextToWaveform as AutoModelForTextToWaveform
from .auto import AutoModelForTimeSeriesPrediction as AutoModelForTimeSeriesPrediction
from .auto import AutoModelForTokenClassification as AutoModelForTokenClassification
from .auto import AutoModelForUniversalSegmentation as AutoModelForUniversalSegmentation
from .auto import AutoModelForVideoClassification as AutoModelForVideoClassification
from .auto import AutoModelForVisualQuestionAnswering as AutoModelForVisualQuestionAnswering
from .auto import AutoModelForZeroShotImageClassification as AutoModelForZeroShotImageClassification
from .auto import AutoModelForZeroShotObjectDetection as AutoModelForZeroShotObjectDetection
from .auto import AutoModelWithLMHead as AutoModelWithLMHead
from .auto import AutoProcessor as AutoProcessor
from .auto import AutoTokenizer as AutoTokenizer
from .batching.config import ContinuousBatchingConfig as ContinuousBatchingConfig
from .batching.manager import ContinuousBatchingManager as ContinuousBatchingManager
from .batching.mixin import ContinuousMixin as ContinuousMixin
from .batching.requests import GenerationOutput as GenerationOutput
from .batching.requests import RequestStatus as RequestStatus
from .cache.base import Cache as Cache
from .cache.base import CacheLayer as CacheLayer
from .cache.building import CacheConfig as CacheConfig
from .cache.encoder_decoder import EncoderDecoderCache as EncoderDecoderCache
from .cache.files import load_cache as load_cache
from .cache.files import save_cache as save_cache
from .cache.kinds.dynamic import DynamicCache as DynamicCache
from .cache.kinds.dynamic import DynamicLayer as DynamicLayer
from .cache.kinds.hybrid import HybridCache as HybridCache
from .cache.kinds.offloaded import OffloadedCache as OffloadedCache
from .cache.kinds.offloaded_static import OffloadedStaticCache as OffloadedStaticCache
from .cache.kinds.quantized import HQQQuantizedCache as HQQQuantizedCache
from .cache.kinds.quantized import QuantizedCache as QuantizedCache
from .cache.kinds.quantized import QuantizedCacheConfig as QuantizedCacheConfig
from .cache.kinds.quantized import QuantizedLayer as QuantizedLayer
from .cache.kinds.quantized import QuantoQuantizedCache as QuantoQuantizedCache
from .cache.kinds.recurrent import MambaCache as MambaCache
from .cache.kinds.recurrent import RecurrentLayer as RecurrentLayer
from .cache.kinds.sink import SinkCache as SinkCache
from .cache.kinds.sink import SinkLayer as SinkLayer
from .cache.kinds.sliding_window import SlidingWindowCache as SlidingWindowCache
from .cache.kinds.sliding_window import SlidingWindowLayer as SlidingWindowLayer
from .cache.kinds.static import StaticCache as StaticCache
from .cache.kinds.static import StaticCacheConfig as StaticCacheConfig
from .cache.kinds.static import StaticLayer as StaticLayer
from .cache.kinds.static import StaticSlidingWindowLayer as StaticSlidingWindowLayer
from .cache.prefix_store import PrefixStore as PrefixStore
from .core.errors import ArgumentError as ArgumentError
from .core.errors import BestiaryError as BestiaryError
from .core.errors import BusyError as BusyError
from .core.errors import CapacityError as CapacityError
from .core.errors import ConfigError as ConfigError
from .core.errors import CorruptFile as CorruptFile
from .core.errors import EngineError as EngineError
from .core.errors import FileMissing as FileMissing
from .core.errors import HubError as HubError
from .core.errors import InputError as InputError
from .core.errors import LoadError as LoadError
from .core.errors import MissingDependency as MissingDependency
from .core.errors import NumericsError as NumericsError
from .core.errors import SaveError as SaveError
from .core.errors import UnknownArchitecture as UnknownArchitecture
from .core.errors import UnknownName as UnknownName
from .core.errors import UnsafeFile as UnsafeFile
from .core.logging import BestiaryWarning as BestiaryWarning
from .core.logging import get_logger as get_logger
from .core.logging import get_verbosity as get_verbosity
from .core.logging import set_verbosity as set_verbosity
from .core.logging import set_verbosity_debug as set_verbosity_debug
from .core.logging import set_verbosity_error as set_verbosity_error
from .core.logging import set_verbosity_info as set_verbosity_info
from .core.logging import set_verbosity_warning as set_verbosity_warning
from .core.outputs import ModelOutput as ModelOutput
from .core.seed import set_seed as set_seed
from .export.decoding_step import cache_tensors as cache_tensors
from .export.decoding_step import export_step as export_step
from .generation.compiled import CompileConfig as CompileConfig
from .generation.config import GenerationConfig as GenerationConfig
from .generation.loop import Decoding as Decoding
from .generation.loop import Step as Step
from .generation.older.constrained_beam.constraints import Constraint as Constraint
from .generation.older.constrained_beam.constraints import ConstraintListState as ConstraintListState
from .generation.older.constrained_beam.constraints import DisjunctiveConstraint as DisjunctiveConstraint
from .generation.older.constrained_beam.constraints import PhrasalConstraint as PhrasalConstraint
from .generation.outputs import GenerateBeamDecoderOnlyOutput as GenerateBeamDecoderOnlyOutput
from .generation.outputs import GenerateBeamEncoderDecoderOutput as GenerateBeamEncoderDecoderOutput
from .generation.outputs import GenerateDecoderOnlyOutput as GenerateDecoderOnlyOutput
from .generation.outputs import GenerateEncoderDecoderOutput as GenerateEncoderDecoderOutput
from .generation.processor import LogitsProcessor as LogitsProcessor
from .generation.processor import LogitsProcessorList as LogitsProcessorList
from .generation.processor import LogitsWarper as LogitsWarper
from .generation.processors.alternating_codebooks import (
    AlternatingCodebooksLogitsProcessor as AlternatingCodebooksLogitsProcessor,
)
from .generation.processors.bad_words import NoBadWordsLogitsProcessor as NoBadWordsLogitsProcessor
from .generation.processors.bark_eos_prioritizer import BarkEosPrioritizerLogitsProcessor as BarkEosPrioritizerLogitsProcessor
from .generation.processors.begin_suppress_tokens import (
    SuppressTokensAtBeginLogitsProcessor as SuppressTokensAtBeginLogitsProcessor,
)
from .generation.processors.classifier_free_guidance import (
    ClassifierFreeGuidanceLogitsProcessor as ClassifierFreeGuidanceLogitsProcessor,
)
from .generation.processors.dia_classifier_free_guidance import (
    DiaClassifierFreeGuidanceLogitsProcessor as DiaClassifierFreeGuidanceLogitsProcessor,
)
from .generation.processors.dia_eos_channel_filter import (
    DiaEOSChannelFilterLogitsProcessor as DiaEOSChannelFilterLogitsProcessor,
)
from .generation.processors.dia_eos_delay_pattern import DiaEOSDelayPatternLogitsProcessor as DiaEOSDelayPatternLogitsProcessor
from .generation.processors.encoder_no_repeat_ngram import (
    EncoderNoRepeatNGramLogitsProcessor as EncoderNoRepeatNGramLogitsProcessor,
)
from .generation.processors.encoder_repetition_penalty import (
    EncoderRepetitionPenaltyLogitsProcessor as EncoderRepetitionPenaltyLogitsProcessor,
)
from .generation.processors.epsilon_cutoff import EpsilonLogitsWarper as EpsilonLogitsWarper
from .generation.processors.eta_cutoff import EtaLogitsWarper as EtaLogitsWarper
from .generation.processors.exponential_decay_length import ExponentialDecayLengthPenalty as ExponentialDecayLengthPenalty
from .generation.processors.forced_bos import ForcedBOSTokenLogitsProcessor as ForcedBOSTokenLogitsProcessor
from .generation.processors.forced_eos import ForcedEOSTokenLogitsProcessor as ForcedEOSTokenLogitsProcessor
from .generation.processors.guidance_scale import (
    UnbatchedClassifierFreeGuidanceLogitsProcessor as UnbatchedClassifierFreeGuidanceLogitsProcessor,
)
from .generation.processors.hamming_diversity import HammingDiversityLogitsProcessor as HammingDiversityLogitsProcessor
from .generation.processors.min_length import MinLengthLogitsProcessor as MinLengthLogitsProcessor
from .generation.processors.min_new_tokens import MinNewTokensLengthLogitsProcessor as MinNewTokensLengthLogitsProcessor
from .generation.processors.min_p import MinPLogitsWarper as MinPLogitsWarper
from .generation.processors.no_repeat_ngram import NoRepeatNGramLogitsProcessor as NoRepeatNGramLogitsProcessor
from .generation.processors.prefix_allowed_tokens import PrefixConstrainedLogitsProcessor as PrefixConstrainedLogitsProcessor
from .generation.processors.remove_invalid_values import InfNanRemoveLogitsProcessor as InfNanRemoveLogitsProcessor
from .generation.processors.renormalize_logits import LogitNormalization as LogitNormalization
from .generation.processors.repetition_penalty import RepetitionPenaltyLogitsProcessor as RepetitionPenaltyLogitsProcessor
from .generation.processors.sequence_bias import SequenceBiasLogitsProcessor as SequenceBiasLogitsProcessor
from .generation.processors.suppress_tokens import SuppressTokensLogitsProcessor as SuppressTokensLogitsProcessor
from .generation.processors.synthid_watermarking import (
    SynthIDTextWatermarkLogitsProcessor as SynthIDTextWatermarkLogitsProcessor,
)
from .generation.processors.temperature import TemperatureLogitsWarper as TemperatureLogitsWarper
from .generation.processors.top_h import TopHLogitsWarper as TopHLogitsWarper
from .generation.processors.top_k import TopKLogitsWarper as TopKLogitsWarper
from .generation.processors.top_p import TopPLogitsWarper as TopPLogitsWarper
from .generation.processors.typical_p import TypicalLogitsWarper as TypicalLogitsWarper
from .generation.processors.watermarking import WatermarkLogitsProcessor as WatermarkLogitsProcessor
from .generation.processors.whisper_no_speech import WhisperNoSpeechDetection as WhisperNoSpeechDetection
from .generation.processors.whisper_timestamps import WhisperTimeStampLogitsProcessor as WhisperTimeStampLogitsProcessor
from .generation.seeds import row_seed as row_seed
from .generation.stopping import ConfidenceCriteria as ConfidenceCriteria
from .generation.stopping import EosTokenCriteria as EosTokenCriteria
from .generation.stopping import MaxLengthCriteria as MaxLengthCriteria
from .generation.stopping import MaxTimeCriteria as MaxTimeCriteria
from .generation.stopping import StoppingCriteria as StoppingCriteria
from .generation.stopping import StoppingCriteriaList as StoppingCriteriaList
from .generation.stopping import StopStringCriteria as StopStringCriteria
from .generation.streaming.rows import AsyncBatchTextIteratorStreamer as AsyncBatchTextIteratorStreamer
from .generation.streaming.rows import BatchTextIteratorStreamer as BatchTextIteratorStreamer
from .generation.streaming.rows import BatchTextStreamer as BatchTextStreamer
from .generation.streaming.rows import RowStreamer as RowStreamer
from .generation.streaming.rows import TextPiece as TextPiece
from .generation.streaming.text import AsyncTextIteratorStreamer as AsyncTextIteratorStreamer
from .generation.streaming.text import BaseStreamer as BaseStreamer
from .generation.streaming.text import TextDecoder as TextDecoder
from .generation.streaming.text import TextIteratorStreamer as TextIteratorStreamer
from .generation.streaming.text import TextStreamer as TextStreamer
from .generation.watermarking import BaseWatermarkingConfig as BaseWatermarkingConfig
from .generation.watermarking import SynthIDTextWatermarkDetector as SynthIDTextWatermarkDetector
from .generation.watermarking import SynthIDTextWatermarkingConfig as SynthIDTextWatermarkingConfig
from .generation.watermarking import WatermarkDetector as WatermarkDetector
from .generation.watermarking import WatermarkDetectorOutput as WatermarkDetectorOutput
from .generation.watermarking import WatermarkingConfig as WatermarkingConfig
from .hub.push import PushToHubMixin as PushToHubMixin
from .loading.save import load_sharded_checkpoint as load_sharded_checkpoint
from .modeling.base import PreTrainedModel as PreTrainedModel
from .modeling.config import PreTrainedConfig as PreTrainedConfig
from .modeling.config import PretrainedConfig as PretrainedConfig
from .modeling.heads.generating import GenerationMixin as GenerationMixin
from .modeling.watermark_detector import BayesianDetectorConfig as BayesianDetectorConfig
from .modeling.watermark_detector import BayesianDetectorModel as BayesianDetectorModel
from .modeling.watermark_detector import BayesianDetectorWatermarkedLikelihood as BayesianDetectorWatermarkedLikelihood
from .modeling.watermark_detector import BayesianWatermarkDetectorModelOutput as BayesianWatermarkDetectorModelOutput
from .models.bert import BertConfig as BertConfig
from .models.bert.model import BertForMaskedLM as BertForMaskedLM
from .models.bert.model import BertForMultipleChoice as BertForMultipleChoice
from .models.bert.model import BertForNextSentencePrediction as BertForNextSentencePrediction
from .models.bert.model import BertForPreTraining as BertForPreTraining
from .models.bert.model import BertForPreTrainingOutput as BertForPreTrainingOutput
from .models.bert.model import BertForQuestionAnswering as BertForQuestionAnswering
from .models.bert.model import BertForSequenceClassification as BertForSequenceClassification
from .models.bert.model import BertForTokenClassification as BertForTokenClassification
from .models.bert.model import BertLMHeadModel as BertLMHeadModel
from .models.bert.model import BertModel as BertModel
from .models.bert.model import BertPreTrainedModel as BertPreTrainedModel
from .models.bert.tokenizer import BertTokenizer as BertTokenizer
from .models.bert.tokenizer import BertTokenizerFast as BertTokenizerFast
from .models.clip import CLIPConfig as CLIPConfig
from .models.clip import CLIPTextConfig as CLIPTextConfig
from .models.clip import CLIPVisionConfig as CLIPVisionConfig
from .models.clip.image_processor import CLIPFeatureExtractor as CLIPFeatureExtractor
from .models.clip.image_processor import CLIPImageProcessor as CLIPImageProcessor
from .models.clip.image_processor import CLIPImageProcessorFast as CLIPImageProcessorFast
from .models.clip.model import CLIPForImageClassification as CLIPForImageClassification
from .models.clip.model import CLIPModel as CLIPModel
from .models.clip.model import CLIPPreTrainedModel as CLIPPreTrainedModel
from .models.clip.model import CLIPTextModel as CLIPTextModel
from .models.clip.model import CLIPTextModelWithProjection as CLIPTextModelWithProjection
from .models.clip.model import CLIPVisionModel as CLIPVisionModel
from .models.clip.model import CLIPVisionModelWithProjection as CLIPVisionModelWithProjection
from .models.clip.processor import CLIPProcessor as CLIPProcessor
from .models.clip.tokenizer import CLIPTokenizer as CLIPTokenizer
from .models.clip.tokenizer import CLIPTokenizerFast as CLIPTokenizerFast
from .models.gpt2 import GPT2Config as GPT2Config
from .models.gpt2.model import GPT2DoubleHeadsModel as GPT2DoubleHeadsModel
from .models.gpt2.model import GPT2DoubleHeadsModelOutput as GPT2DoubleHeadsModelOutput
from .models.gpt2.model import GPT2ForQuestionAnswering as GPT2ForQuestionAnswering
from .models.gpt2.model import GPT2ForSequenceClassification as GPT2ForSequenceClassification
from .models.gpt2.model import GPT2ForTokenClassification as GPT2ForTokenClassification
from .models.gpt2.model import GPT2LMHeadModel as GPT2LMHeadModel
from .models.gpt2.model import GPT2Model as GPT2Model
from .models.gpt2.model import GPT2PreTrainedModel as GPT2PreTrainedModel
from .models.gpt2.tokenizer import GPT2Tokenizer as GPT2Tokenizer
from .models.gpt2.tokenizer import GPT2TokenizerFast as GPT2TokenizerFast
from .models.llama import LlamaConfig as LlamaConfig
from .models.llama.model import LlamaForCausalLM as LlamaForCausalLM
from .models.llama.model import LlamaForQuestionAnswering as LlamaForQuestionAnswering
from .models.llama.model import LlamaForSequenceClassification as LlamaForSequenceClassification
from .models.llama.model import LlamaForTokenClassification as LlamaForTokenClassification
from .models.llama.model import LlamaModel as LlamaModel
from .models.llama.model import LlamaPreTrainedModel as LlamaPreTrainedModel
from .models.llama.tokenizer import LlamaTokenizer as LlamaTokenizer
from .models.llama.tokenizer import LlamaTokenizerFast as LlamaTokenizerFast
from .models.mistral import MistralConfig as MistralConfig
from .models.mistral import MistralForCausalLM as MistralForCausalLM
from .models.mistral import MistralForQuestionAnswering as MistralForQuestionAnswering
from .models.mistral import MistralForSequenceClassification as MistralForSequenceClassification
from .models.mistral import MistralForTokenClassification as MistralForTokenClassification
from .models.mistral import MistralModel as MistralModel
from .models.mistral import MistralPreTrainedModel as MistralPreTrainedModel
from .models.roberta import RobertaConfig as RobertaConfig
from .models.roberta.model import RobertaForCausalLM as RobertaForCausalLM
from .models.roberta.model import RobertaForMaskedLM as RobertaForMaskedLM
from .models.roberta.model import RobertaForMultipleChoice as RobertaForMultipleChoice
from .models.roberta.model import RobertaForQuestionAnswering as RobertaForQuestionAnswering
from .models.roberta.model import RobertaForSequenceClassification as RobertaForSequenceClassification
from .models.roberta.model import RobertaForTokenClassification as RobertaForTokenClassification
from .models.roberta.model import RobertaModel as RobertaModel
from .models.roberta.model import RobertaPreTrainedModel as RobertaPreTrainedModel
from .models.roberta.tokenizer import RobertaTokenizer as RobertaTokenizer
from .models.roberta.tokenizer import RobertaTokenizerFast as RobertaTokenizerFast
from .models.t5 import T5Config as T5Config
from .models.t5.heads import T5ForQuestionAnswering as T5ForQuestionAnswering
from .models.t5.heads import T5ForSequenceClassification as T5ForSequenceClassification
from .models.t5.heads import T5ForTokenClassification as T5ForTokenClassification
from .models.t5.model import T5EncoderModel as T5EncoderModel
from .models.t5.model import T5ForConditionalGeneration as T5ForConditionalGeneration
from .models.t5.model import T5Model as T5Model
from .models.t5.model import T5PreTrainedModel as T5PreTrainedModel
from .models.t5.tokenizer import T5Tokenizer as T5Tokenizer
from .models.t5.tokenizer import T5TokenizerFast as T5TokenizerFast
from .models.vit import ViTConfig as ViTConfig
from .models.vit.image_processor import ViTFeatureExtractor as ViTFeatureExtractor
from .models.vit.image_processor import ViTImageProcessor as ViTImageProcessor
from .models.vit.image_processor import ViTImageProcessorFast as ViTImageProcessorFast
from .models.vit.model import ViTForImageClassification as ViTForImageClassification
from .models.vit.model import ViTForMaskedImageModeling as ViTForMaskedImageModeling
from .models.vit.model import ViTModel as ViTModel
from .models.vit.model import ViTPreTrainedModel as ViTPreTrainedModel
from .models.whisper import WhisperConfig as WhisperConfig
from .models.whisper.feature_extractor import WhisperFeatureExtractor as WhisperFeatureExtractor
from .models.whisper.heads import WhisperForAudioClassification as WhisperForAudioClassification
from .models.whisper.heads import WhisperForCausalLM as WhisperForCausalLM
from .models.whisper.model import WhisperForConditionalGeneration as WhisperForConditionalGeneration
from .models.whisper.model import WhisperModel as WhisperModel
from .models.whisper.model import WhisperPreTrainedModel as WhisperPreTrainedModel
from .models.whisper.processor import WhisperProcessor as WhisperProcessor
from .models.whisper.tokenizer import WhisperTokenizer as WhisperTokenizer
from .models.whisper.tokenizer import WhisperTokenizerFast as WhisperTokenizerFast
from .nn.reproducible import reproducible as reproducible
from .pipelines.base import ChunkPipeline as ChunkPipeline
from .pipelines.base import Pipeline as Pipeline
from .pipelines.datasets import KeyDataset as KeyDataset
from .pipelines.datasets import KeyPairDataset as KeyPairDataset
from .pipelines.datasets import PipelineIterator as PipelineIterator
from .pipelines.defaults import embedded_model_path as embedded_model_path
from .pipelines.opening import get_task as get_task
from .pipelines.opening import pipeline as pipeline
from .pipelines.registry import PIPELINE_REGISTRY as PIPELINE_REGISTRY
from .pipelines.registry import PipelineRegistry as PipelineRegistry
from .pipelines.tasks.automatic_speech_recognition import (
    AutomaticSpeechRecognitionPipeline as AutomaticSpeechRecognitionPipeline,
)
from .pipelines.tasks.feature_extraction import FeatureExtractionPipeline as FeatureExtractionPipeline
from .pipelines.tasks.fill_mask import FillMaskPipeline as FillMaskPipeline
from .pipelines.tasks.image_classification import ImageClassificationPipeline as ImageClassificationPipeline
from .pipelines.tasks.image_feature_extraction import ImageFeatureExtractionPipeline as ImageFeatureExtractionPipeline
from .pipelines.tasks.question_answering import QuestionAnsweringPipeline as QuestionAnsweringPipeline
from .pipelines.tasks.summarization import SummarizationPipeline as SummarizationPipeline
from .pipelines.tasks.text2text_generation import Text2TextGenerationPipeline as Text2TextGenerationPipeline
from .pipelines.tasks.text_classification import TextClassificationPipeline as TextClassificationPipeline
from .pipelines.tasks.text_generation import TextGenerationPipeline as TextGenerationPipeline
from .pipelines.tasks.token_classification import AggregationStrategy as AggregationStrategy
from .pipelines.tasks.token_classification import TokenClassificationPipeline as TokenClassificationPipeline
from .pipelines.tasks.translation import TranslationPipeline as TranslationPipeline
from .pipelines.tasks.zero_shot_classification import ZeroShotClassificationPipeline as ZeroShotClassificationPipeline
from .pipelines.tasks.zero_shot_image_classification import (
    ZeroShotImageClassificationPipeline as ZeroShotImageClassificationPipeline,
)
from .preprocess.audio.extractor import SequenceFeatureExtractor as SequenceFeatureExtractor
from .preprocess.batch import BatchFeature as BatchFeature
from .preprocess.batch import TensorType as TensorType
from .preprocess.image.processor import BaseImageProcessor as BaseImageProcessor
from .preprocess.processor import ProcessorMixin as ProcessorMixin
from .preprocess.text.batch_encoding import BatchEncoding as BatchEncoding
from .preprocess.text.batch_encoding import CharSpan as CharSpan
from .preprocess.text.batch_encoding import TokenSpan as TokenSpan
from .preprocess.text.special_tokens import AddedToken as AddedToken
from .preprocess.text.tokenizer import PreTrainedTokenizer as PreTrainedTokenizer
from .preprocess.text.tokenizer import PreTrainedTokenizerBase as PreTrainedTokenizerBase
from .preprocess.text.tokenizer import PreTrainedTokenizerFast as PreTrainedTokenizerFast
from .preprocess.text.tokenizer import TokenizersBackend as TokenizersBackend
from .structured.forms import Choice as Choice
from .structured.forms import Grammar as Grammar
from .structured.forms import JsonSchema as JsonSchema
from .structured.forms import OutputConstraint as OutputConstraint
from .structured.forms import Regex as Regex

__version__: str
