"""The table of tasks: each class opens a checkpoint for the tasks it names, the keys of the families' `TASKS`.

A family that has none of them is refused with the tasks it has.
"""

from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, Unpack, overload

from ..core.errors import ArgumentError, ConfigError, UnknownArchitecture
from ..hub.files import HubOptions
from ..hub.options import NameOrPath
from ..modeling.config import PreTrainedConfig
from ..modeling.families import family, tasks_of
from .config import AutoConfig

if TYPE_CHECKING:
    from ..modeling.base import PreTrainedModel
    from ..modeling.heads.causal_lm import CausalLM  # noqa: F401 (these are used in texts)
    from ..modeling.heads.image_classification import ImageClassifier  # noqa: F401
    from ..modeling.heads.seq2seq import Seq2SeqLM  # noqa: F401
    from ..modeling.opening import OpenKeywords

Model = TypeVar("Model", bound="PreTrainedModel")


class _AutoModel(Generic[Model]):
    """Base of the automatic model classes; a subclass names the tasks it serves, the first that a family has is used."""

    tasks: ClassVar[tuple[str, ...]]
    _registered: ClassVar[dict[type[PreTrainedConfig], Any]]

    def __init_subclass__(cls, tasks: tuple[str, ...]) -> None:
        super().__init_subclass__()
        cls.tasks, cls._registered = tasks, {}

    def __init__(self) -> None:
        name = type(self).__name__
        raise ArgumentError(f"{name} is not built itself; use {name}.from_pretrained(...) or {name}.from_config(config)")

    @classmethod
    def class_for(cls, config: PreTrainedConfig) -> type[Model]:
        """The model class of this task for `config`.

        Raises:
            UnknownArchitecture: the family has no class for the task; says which tasks it has.
        """
        if type(config) in cls._registered:
            model: type[Model] = cls._registered[type(config)]
            return model
        tasks = tasks_of(config.model_type)
        for task in cls.tasks:
            if task in tasks:
                model = getattr(family(config.model_type), tasks[task])
                return model
        raise UnknownArchitecture(
            f"{config.model_type} has no model for {cls.__name__} ({' or '.join(cls.tasks)}); it has {', '.join(tasks)}"
        )

    @classmethod
    def from_config(cls, config: PreTrainedConfig, **kwargs: Any) -> Model:
        """A model with fresh weights."""
        return cls.class_for(config).from_config(config, **kwargs)

    @overload
    @classmethod
    def from_pretrained(
        cls, name_or_path: NameOrPath | None, *model_args: Any, output_loading_info: Literal[True], **kwargs: Any
    ) -> tuple[Model, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(cls, name_or_path: NameOrPath | None, *model_args: Any, **kwargs: "Unpack[OpenKeywords]") -> Model: ...

    @overload  # any field of the family's config is a keyword as well
    @classmethod
    def from_pretrained(
        cls,
        name_or_path: NameOrPath | None,
        *model_args: Any,
        output_loading_info: Literal[False] = False,
        **kwargs: Any,
    ) -> Model: ...

    @classmethod
    def from_pretrained(cls, name_or_path: NameOrPath | None, *model_args: Any, config: Any = None, **kwargs: Any) -> Any:
        """Open the checkpoint with the class that its config and this task choose; keywords as `PreTrainedModel`'s."""
        if isinstance(kwargs.get("trust_remote_code"), bool):
            del kwargs["trust_remote_code"]
        if not isinstance(config, PreTrainedConfig):
            hub, _ = HubOptions.split(kwargs)
            source: Any = config or name_or_path
            config = AutoConfig.from_pretrained(source, **vars(hub))
        return cls.class_for(config).from_pretrained(name_or_path, *model_args, config=config, **kwargs)

    @classmethod
    def register(cls, config: type[PreTrainedConfig], model: Any, exist_ok: bool = False) -> None:
        """Use `model` for configs of the class `config` in this process."""
        if config in cls._registered and not exist_ok:
            raise ConfigError(f"{config.__name__} is registered already; pass exist_ok=True to replace it")
        cls._registered[config] = model


class AutoModel(_AutoModel["PreTrainedModel"], tasks=("base",)):
    """The backbone of a checkpoint."""


class AutoBackbone(_AutoModel["PreTrainedModel"], tasks=("backbone",)):
    """An image encoder that returns feature maps of the stages asked for, for detectors and the like."""


class AutoModelForPreTraining(
    _AutoModel["PreTrainedModel"],
    tasks=("pretraining", "masked-lm", "causal-lm", "seq2seq-lm", "masked-image-modeling", "speech-seq2seq"),
):
    """The model with the heads it was pretrained with."""


class AutoModelForCausalLM(_AutoModel["CausalLM"], tasks=("causal-lm",)):
    """Predicts the next token."""


class AutoModelForMaskedLM(_AutoModel["PreTrainedModel"], tasks=("masked-lm",)):
    """Fills masked tokens."""


class AutoModelForSeq2SeqLM(_AutoModel["Seq2SeqLM"], tasks=("seq2seq-lm",)):
    """Turns one text into another."""


class AutoModelWithLMHead(_AutoModel["PreTrainedModel"], tasks=("causal-lm", "masked-lm", "seq2seq-lm", "speech-seq2seq")):
    """The older name for whatever language model a checkpoint holds."""


class AutoModelForSequenceClassification(_AutoModel["PreTrainedModel"], tasks=("sequence-classification",)):
    """Classifies a text."""


class AutoModelForTokenClassification(_AutoModel["PreTrainedModel"], tasks=("token-classification",)):
    """Labels each token."""


class AutoModelForQuestionAnswering(_AutoModel["PreTrainedModel"], tasks=("question-answering",)):
    """Marks the answer in a text."""


class AutoModelForMultipleChoice(_AutoModel["PreTrainedModel"], tasks=("multiple-choice",)):
    """Chooses among continuations."""


class AutoModelForNextSentencePrediction(_AutoModel["PreTrainedModel"], tasks=("next-sentence-prediction",)):
    """Tells whether one sentence follows another."""


class AutoModelForTextEncoding(_AutoModel["PreTrainedModel"], tasks=("text-encoding", "base")):
    """The text encoder of a checkpoint."""


class AutoModelForTableQuestionAnswering(_AutoModel["PreTrainedModel"], tasks=("table-question-answering",)):
    """Marks the cells of a table that answer a question."""


class AutoModelForDecision(_AutoModel["PreTrainedModel"], tasks=("decision",)):
    """Chooses one of the options that a prompt offers."""


class AutoModelForImageClassification(_AutoModel["ImageClassifier"], tasks=("image-classification",)):
    """Classifies an image."""


class AutoModelForMaskedImageModeling(_AutoModel["PreTrainedModel"], tasks=("masked-image-modeling",)):
    """Fills masked patches."""


class AutoModelForObjectDetection(_AutoModel["PreTrainedModel"], tasks=("object-detection",)):
    """Finds objects and the boxes around them."""


class AutoModelForZeroShotObjectDetection(_AutoModel["PreTrainedModel"], tasks=("zero-shot-object-detection",)):
    """Finds objects that a text names, and the boxes around them."""


class AutoModelForImageSegmentation(_AutoModel["PreTrainedModel"], tasks=("image-segmentation",)):
    """Finds the masks of objects, the older kind."""


class AutoModelForSemanticSegmentation(_AutoModel["PreTrainedModel"], tasks=("semantic-segmentation",)):
    """Labels each pixel."""


class AutoModelForInstanceSegmentation(_AutoModel["PreTrainedModel"], tasks=("instance-segmentation",)):
    """Finds the mask of each single object."""


class AutoModelForUniversalSegmentation(_AutoModel["PreTrainedModel"], tasks=("universal-segmentation", "image-segmentation")):
    """Segments by class, by object, or both."""


class AutoModelForMaskGeneration(_AutoModel["PreTrainedModel"], tasks=("mask-generation",)):
    """Finds the mask of what points or boxes show."""


class AutoModelForDepthEstimation(_AutoModel["PreTrainedModel"], tasks=("depth-estimation",)):
    """Tells how far away each pixel is."""


class AutoModelForNormalEstimation(_AutoModel["PreTrainedModel"], tasks=("normal-estimation",)):
    """Tells which way the surface at each pixel faces."""


class AutoModelForPointmapEstimation(_AutoModel["PreTrainedModel"], tasks=("pointmap-estimation",)):
    """Tells the point in space behind each pixel."""


class AutoModelForPoseEstimation(_AutoModel["PreTrainedModel"], tasks=("pose-estimation",)):
    """Finds the joints of people."""


class AutoModelForKeypointDetection(_AutoModel["PreTrainedModel"], tasks=("keypoint-detection",)):
    """Finds points that can be recognised in another image."""


class AutoModelForKeypointMatching(_AutoModel["PreTrainedModel"], tasks=("keypoint-matching",)):
    """Pairs the points of two images that show the same place."""


class AutoModelForImageMatting(_AutoModel["PreTrainedModel"], tasks=("image-matting",)):
    """Tells how much of each pixel belongs to the foreground."""


class AutoModelForImageToImage(_AutoModel["PreTrainedModel"], tasks=("image-to-image",)):
    """Turns one image into another."""


class AutoModelForTextRecognition(_AutoModel["PreTrainedModel"], tasks=("text-recognition",)):
    """Reads a line of text in an image."""


class AutoModelForTableRecognition(_AutoModel["PreTrainedModel"], tasks=("table-recognition",)):
    """Reads the structure of a table in an image."""


class AutoModelForVideoClassification(_AutoModel["PreTrainedModel"], tasks=("video-classification",)):
    """Classifies a video."""


class AutoModelForZeroShotImageClassification(_AutoModel["PreTrainedModel"], tasks=("zero-shot-image-classification",)):
    """Matches images with texts."""


class AutoModelForVisualQuestionAnswering(_AutoModel["PreTrainedModel"], tasks=("visual-question-answering",)):
    """Answers a question about an image."""


class AutoModelForDocumentQuestionAnswering(_AutoModel["PreTrainedModel"], tasks=("document-question-answering",)):
    """Answers a question about the image of a document."""


class AutoModelForImageTextToText(_AutoModel["PreTrainedModel"], tasks=("image-text-to-text",)):
    """Writes a text about images and a text."""


class AutoModelForMultimodalLM(_AutoModel["PreTrainedModel"], tasks=("multimodal-lm", "image-text-to-text")):
    """Writes a text about images, audio, video and a text."""


class AutoModelForSpeechSeq2Seq(_AutoModel["Seq2SeqLM"], tasks=("speech-seq2seq",)):
    """Turns speech into text with an encoder and a decoder."""


class AutoModelForCTC(_AutoModel["PreTrainedModel"], tasks=("ctc",)):
    """Turns speech into text by connectionist temporal classification (Graves et al. 2006)."""


class AutoModelForRNNT(_AutoModel["PreTrainedModel"], tasks=("rnnt",)):
    """Turns speech into text by a recurrent transducer (Graves 2012)."""


class AutoModelForTDT(_AutoModel["PreTrainedModel"], tasks=("tdt",)):
    """Turns speech into text by a transducer of tokens and durations (Xu et al. 2023)."""


class AutoModelForAudioClassification(_AutoModel["PreTrainedModel"], tasks=("audio-classification",)):
    """Classifies audio."""


class AutoModelForAudioFrameClassification(_AutoModel["PreTrainedModel"], tasks=("audio-frame-classification",)):
    """Labels each frame of audio."""


class AutoModelForAudioXVector(_AutoModel["PreTrainedModel"], tasks=("audio-xvector",)):
    """Tells speakers apart by one vector for each recording (Snyder et al. 2018)."""


class AutoModelForAudioTokenization(_AutoModel["PreTrainedModel"], tasks=("audio-tokenization",)):
    """Turns audio into tokens and back."""


class AutoModelForTextToSpectrogram(_AutoModel["PreTrainedModel"], tasks=("text-to-spectrogram",)):
    """Turns text into a spectrogram of speech."""


class AutoModelForTextToWaveform(_AutoModel["PreTrainedModel"], tasks=("text-to-waveform",)):
    """Turns text into sound."""


class AutoModelForTimeSeriesPrediction(_AutoModel["PreTrainedModel"], tasks=("time-series-prediction",)):
    """Continues a series of measurements."""
