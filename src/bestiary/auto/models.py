"""The table of tasks: each class opens a checkpoint for the tasks it names, the keys of the families' `TASKS`.

A family that has none of them is refused with the tasks it has.
"""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar, Unpack, overload

from ..core.errors import ArgumentError, ConfigError, UnknownArchitecture
from ..hub.code.files import class_named_for
from ..hub.code.opening import open_class
from ..hub.code.options import CodeOptions
from ..hub.files import HubOptions
from ..hub.options import NameOrPath
from ..modeling.config import PreTrainedConfig
from ..modeling.families import tasks_of
from .config import AutoConfig
from .mappings import PRETRAINED_BY, TEXT_ENCODERS, ClassMapping, models_of, names_by_task

if TYPE_CHECKING:
    from ..modeling.base import PreTrainedModel
    from ..modeling.heads.causal_lm import CausalLM  # noqa: F401 (these are used in texts)
    from ..modeling.heads.image_classification import ImageClassifier  # noqa: F401
    from ..modeling.heads.seq2seq import GeneratingSeq2Seq, Seq2SeqLM  # noqa: F401
    from ..modeling.opening import OpenKeywords

Model = TypeVar("Model", bound="PreTrainedModel")


class AutoModelClass(Generic[Model]):
    """Base of the automatic model classes; a subclass names the tasks it serves, the first that a family has is used.

    `further` names types that it serves by another task of theirs: model_type -> task.
    """

    tasks: ClassVar[tuple[str, ...]]
    mapping: ClassVar[ClassMapping]
    _model_mapping: ClassVar[ClassMapping]  # its published name

    def __init_subclass__(cls, tasks: tuple[str, ...] = (), further: dict[str, str] | None = None) -> None:
        """A class of somebody else's has no tasks; it brings its own `_model_mapping`."""
        super().__init_subclass__()
        own: ClassMapping | None = vars(cls).get("_model_mapping")
        cls.tasks, cls.mapping = tasks, models_of(names_by_task(*tasks, further=further)) if own is None else own
        cls._model_mapping = cls.mapping

    def __init__(self) -> None:
        name = type(self).__name__
        raise ArgumentError(f"{name} is not built itself; use {name}.from_pretrained(...) or {name}.from_config(config)")

    @classmethod
    def class_for(cls, config: PreTrainedConfig) -> type[Model]:
        """The model class of this task for `config`; where it lists `_alternatives`, the one that `architectures` names.

        Raises:
            UnknownArchitecture: the family has no class for the task; says which tasks it has.
        """
        model: type[Model] | None = cls.mapping.get(type(config))
        if model is not None:
            others: dict[str, type[Model]] = {kind.__name__: kind for kind in vars(model).get("_alternatives", ())}
            return next((others[name] for name in config.architectures or () if name in others), model)
        try:
            tasks: Iterable[str] = tasks_of(config.model_type)
        except UnknownArchitecture:
            table = config.__dict__.get("auto_map")
            if not isinstance(table, dict):
                raise
            tasks = table  # of a type that only the code of its checkpoint knows
        raise UnknownArchitecture(
            f"{config.model_type} has no model for {cls.__name__} ({' or '.join(cls.tasks)}); it has {', '.join(tasks)}"
        )

    @classmethod
    def from_config(cls, config: PreTrainedConfig, **kwargs: Any) -> Model:
        """A model with fresh weights."""
        code, kwargs = CodeOptions.split(kwargs)
        return cls.class_with_code(config, config.name_or_path, HubOptions(), code).from_config(config, **kwargs)

    @classmethod
    def class_with_code(cls, config: PreTrainedConfig, name_or_path: Any, hub: HubOptions, code: CodeOptions) -> type[Model]:
        """The class for `config`; where the caller allows it, the one of the checkpoint's own code, if it has one.

        What `register` was told goes first.

        Raises:
            UnsafeFile: only code of the checkpoint has a class for this task, and the caller has not allowed it.
            UnknownArchitecture: nothing has.
        """
        reference = class_named_for(config.__dict__, cls.__name__, str(name_or_path))
        if reference is None or cls.mapping.is_registered(type(config)):
            return cls.class_for(config)
        known = type(config) in cls.mapping
        if known and not code.trust_remote_code:
            return cls.class_for(config)
        model: Any = open_class(name_or_path, reference, hub, code)
        if not known:
            cls.register(type(config), model, exist_ok=True)
        model.register_for_auto_class(cls)
        kind: type[Model] = model
        return kind

    @overload
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: NameOrPath | None,
        *model_args: Any,
        output_loading_info: Literal[True],
        **kwargs: Any,
    ) -> tuple[Model, dict[str, Any]]: ...

    @overload
    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath | None, *model_args: Any, **kwargs: "Unpack[OpenKeywords]"
    ) -> Model: ...

    @overload  # any field of the family's config is a keyword as well
    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_name_or_path: NameOrPath | None,
        *model_args: Any,
        output_loading_info: Literal[False] = False,
        **kwargs: Any,
    ) -> Model: ...

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: NameOrPath | None, *model_args: Any, config: Any = None, **kwargs: Any
    ) -> Any:
        """Open the checkpoint with the class that its config and this task choose; keywords as `PreTrainedModel`'s."""
        code, kwargs = CodeOptions.split(kwargs)
        hub, _ = HubOptions.split(kwargs)
        if not isinstance(config, PreTrainedConfig):
            from ..modeling.adapters import adapter_and_base  # opening alone needs it

            _, base = adapter_and_base(pretrained_model_name_or_path, hub, kwargs.get("adapter_kwargs"))
            source: Any = config or base
            named = kwargs.get("gguf_file") or getattr(kwargs.get("quantization_config"), "gguf_file", None)
            file = named if config is None else None
            config = AutoConfig.from_pretrained(source, gguf_file=file, **vars(hub), **vars(code))
        kind = cls.class_with_code(config, pretrained_model_name_or_path or config.name_or_path, hub, code)
        kwargs |= code.said() if code.trust_remote_code else {}
        return kind.from_pretrained(pretrained_model_name_or_path, *model_args, config=config, **kwargs)

    @classmethod
    def register(cls, config_class: type[PreTrainedConfig], model_class: Any, exist_ok: bool = False) -> None:
        """Use `model_class` for configs of `config_class` in this process.

        Raises:
            ConfigError: `model_class` says by its own `config_class` that it is for others.
        """
        bound = getattr(model_class, "config_class", None)  # any class may come here
        if isinstance(bound, type) and isinstance(config_class, type) and bound.__name__ != config_class.__name__:
            raise ConfigError(
                f"{model_class.__name__} is for configs of {bound.__name__}; found {config_class.__name__}. Register it for the"
                " former, or set its config_class"
            )
        cls.mapping.register(config_class, model_class, exist_ok)


class AutoModel(AutoModelClass["PreTrainedModel"], tasks=("base",)):
    """The backbone of a checkpoint."""


class AutoBackbone(AutoModelClass["PreTrainedModel"], tasks=("backbone",)):
    """An image encoder that returns feature maps of the stages asked for, for detectors and the like."""


class AutoModelForPreTraining(AutoModelClass["PreTrainedModel"], tasks=("pretraining",), further=PRETRAINED_BY):
    """The model with the heads it was pretrained with."""


class AutoModelForCausalLM(AutoModelClass["CausalLM"], tasks=("causal-lm",)):
    """Predicts the next token."""


class AutoModelForMaskedLM(AutoModelClass["PreTrainedModel"], tasks=("masked-lm",)):
    """Fills masked tokens."""


class AutoModelForSeq2SeqLM(AutoModelClass["GeneratingSeq2Seq"], tasks=("seq2seq-lm",)):
    """Turns one text into another."""


class AutoModelWithLMHead(AutoModelClass["PreTrainedModel"], tasks=("causal-lm", "masked-lm", "seq2seq-lm", "speech-seq2seq")):
    """The older name for whatever language model a checkpoint holds."""


class AutoModelForSequenceClassification(AutoModelClass["PreTrainedModel"], tasks=("sequence-classification",)):
    """Classifies a text."""


class AutoModelForTokenClassification(AutoModelClass["PreTrainedModel"], tasks=("token-classification",)):
    """Labels each token."""


class AutoModelForQuestionAnswering(AutoModelClass["PreTrainedModel"], tasks=("question-answering",)):
    """Marks the answer in a text."""


class AutoModelForMultipleChoice(AutoModelClass["PreTrainedModel"], tasks=("multiple-choice",)):
    """Chooses among continuations."""


class AutoModelForNextSentencePrediction(AutoModelClass["PreTrainedModel"], tasks=("next-sentence-prediction",)):
    """Tells whether one sentence follows another."""


class AutoModelForTextEncoding(AutoModelClass["PreTrainedModel"], tasks=("text-encoding",), further=TEXT_ENCODERS):
    """The text encoder of a checkpoint."""


class AutoModelForTableQuestionAnswering(AutoModelClass["PreTrainedModel"], tasks=("table-question-answering",)):
    """Marks the cells of a table that answer a question."""


class AutoModelForDecision(AutoModelClass["PreTrainedModel"], tasks=("decision",)):
    """Chooses one of the options that a prompt offers."""


class AutoModelForImageClassification(AutoModelClass["ImageClassifier"], tasks=("image-classification",)):
    """Classifies an image."""


class AutoModelForMaskedImageModeling(AutoModelClass["PreTrainedModel"], tasks=("masked-image-modeling",)):
    """Fills masked patches."""


class AutoModelForObjectDetection(AutoModelClass["PreTrainedModel"], tasks=("object-detection",)):
    """Finds objects and the boxes around them."""


class AutoModelForZeroShotObjectDetection(AutoModelClass["PreTrainedModel"], tasks=("zero-shot-object-detection",)):
    """Finds objects that a text names, and the boxes around them."""


class AutoModelForImageSegmentation(AutoModelClass["PreTrainedModel"], tasks=("image-segmentation",)):
    """Finds the masks of objects, the older kind."""


class AutoModelForSemanticSegmentation(AutoModelClass["PreTrainedModel"], tasks=("semantic-segmentation",)):
    """Labels each pixel."""


class AutoModelForInstanceSegmentation(AutoModelClass["PreTrainedModel"], tasks=("instance-segmentation",)):
    """Finds the mask of each single object."""


class AutoModelForUniversalSegmentation(
    AutoModelClass["PreTrainedModel"], tasks=("universal-segmentation", "image-segmentation")
):
    """Segments by class, by object, or both."""


class AutoModelForMaskGeneration(AutoModelClass["PreTrainedModel"], tasks=("mask-generation",)):
    """Finds the mask of what points or boxes show."""


class AutoModelForDepthEstimation(AutoModelClass["PreTrainedModel"], tasks=("depth-estimation",)):
    """Tells how far away each pixel is."""


class AutoModelForNormalEstimation(AutoModelClass["PreTrainedModel"], tasks=("normal-estimation",)):
    """Tells which way the surface at each pixel faces."""


class AutoModelForPointmapEstimation(AutoModelClass["PreTrainedModel"], tasks=("pointmap-estimation",)):
    """Tells the point in space behind each pixel."""


class AutoModelForPoseEstimation(AutoModelClass["PreTrainedModel"], tasks=("pose-estimation",)):
    """Finds the joints of people."""


class AutoModelForKeypointDetection(AutoModelClass["PreTrainedModel"], tasks=("keypoint-detection",)):
    """Finds points that can be recognised in another image."""


class AutoModelForKeypointMatching(AutoModelClass["PreTrainedModel"], tasks=("keypoint-matching",)):
    """Pairs the points of two images that show the same place."""


class AutoModelForImageMatting(AutoModelClass["PreTrainedModel"], tasks=("image-matting",)):
    """Tells how much of each pixel belongs to the foreground."""


class AutoModelForImageToImage(AutoModelClass["PreTrainedModel"], tasks=("image-to-image",)):
    """Turns one image into another."""


class AutoModelForTextRecognition(AutoModelClass["PreTrainedModel"], tasks=("text-recognition",)):
    """Reads a line of text in an image."""


class AutoModelForTableRecognition(AutoModelClass["PreTrainedModel"], tasks=("table-recognition",)):
    """Reads the structure of a table in an image."""


class AutoModelForVideoClassification(AutoModelClass["PreTrainedModel"], tasks=("video-classification",)):
    """Classifies a video."""


class AutoModelForZeroShotImageClassification(AutoModelClass["PreTrainedModel"], tasks=("zero-shot-image-classification",)):
    """Matches images with texts."""


class AutoModelForVisualQuestionAnswering(AutoModelClass["PreTrainedModel"], tasks=("visual-question-answering",)):
    """Answers a question about an image."""


class AutoModelForDocumentQuestionAnswering(AutoModelClass["PreTrainedModel"], tasks=("document-question-answering",)):
    """Answers a question about the image of a document."""


class AutoModelForImageTextToText(AutoModelClass["PreTrainedModel"], tasks=("image-text-to-text",)):
    """Writes a text about images and a text."""


class AutoModelForMultimodalLM(AutoModelClass["PreTrainedModel"], tasks=("multimodal-lm", "image-text-to-text")):
    """Writes a text about images, audio, video and a text."""


class AutoModelForSpeechSeq2Seq(AutoModelClass["Seq2SeqLM"], tasks=("speech-seq2seq",)):
    """Turns speech into text with an encoder and a decoder."""


class AutoModelForCTC(AutoModelClass["PreTrainedModel"], tasks=("ctc",)):
    """Turns speech into text by connectionist temporal classification (Graves et al. 2006)."""


class AutoModelForRNNT(AutoModelClass["PreTrainedModel"], tasks=("rnnt",)):
    """Turns speech into text by a recurrent transducer (Graves 2012)."""


class AutoModelForTDT(AutoModelClass["PreTrainedModel"], tasks=("tdt",)):
    """Turns speech into text by a transducer of tokens and durations (Xu et al. 2023)."""


class AutoModelForAudioClassification(AutoModelClass["PreTrainedModel"], tasks=("audio-classification",)):
    """Classifies audio."""


class AutoModelForAudioFrameClassification(AutoModelClass["PreTrainedModel"], tasks=("audio-frame-classification",)):
    """Labels each frame of audio."""


class AutoModelForAudioXVector(AutoModelClass["PreTrainedModel"], tasks=("audio-xvector",)):
    """Tells speakers apart by one vector for each recording (Snyder et al. 2018)."""


class AutoModelForAudioTokenization(AutoModelClass["PreTrainedModel"], tasks=("audio-tokenization",)):
    """Turns audio into tokens and back."""


class AutoModelForTextToSpectrogram(AutoModelClass["PreTrainedModel"], tasks=("text-to-spectrogram",)):
    """Turns text into a spectrogram of speech."""


class AutoModelForTextToWaveform(AutoModelClass["PreTrainedModel"], tasks=("text-to-waveform",)):
    """Turns text into sound."""


class AutoModelForTimeSeriesPrediction(AutoModelClass["PreTrainedModel"], tasks=("time-series-prediction",)):
    """Continues a series of measurements."""
