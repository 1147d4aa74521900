"""Video classification: a film to labels with scores."""

from typing import Any, ClassVar

from ...core.errors import ArgumentError, InputError
from ...core.kinds import Natural, describe, fits
from ...preprocess.video.metadata import VideoMetadata
from ...preprocess.video.reading import load_video
from ...preprocess.video.sampling import rate_indices
from ..base import Parameters, Pipeline, Result
from ..batching import tensors
from ..scores import ClassificationFunction, best, check_top_k, read_function, scores, suited_function
from .image_classification import one_of

__all__ = ["VideoClassificationPipeline"]

CHECKPOINTS = {"MCG-NJU/videomae-base-finetuned-kinetics": "videomae"}
IMPLIED = True
FRAMES = ("num_frames", "frames_per_clip")  # the fields that say how many frames a model sees


class VideoClassificationPipeline(Pipeline):
    """`[{"score", "label"}, ...]` for a film, best first.

    Inputs: a path, an http(s) address, bytes, an array of frames (T, Y, X, 3); lists of these, or of lists of pictures. Also as
    `videos=`.

    Keywords of a call:
        num_frames: how many frames are looked at, from the first on; by default as many as the model's config says.
        frame_sampling_rate: of how many frames one is taken (1: each). top_k: how many labels (5).
        function_to_apply: "sigmoid", "softmax", "none" or "default": what suits the model.
    """

    parts = None
    models: ClassVar[tuple[str, ...]] = ("AutoModelForVideoClassification",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self.video_processor is None and self.image_processor is None:
            raise ArgumentError("VideoClassificationPipeline needs a video_processor=; the checkpoint has none")

    def _sanitize_parameters(
        self,
        top_k: int | None = None,
        num_frames: int | None = None,
        frame_sampling_rate: int | None = None,
        function_to_apply: Any = None,
    ) -> Parameters:
        before: dict[str, Any] = {}
        for name, value in (("num_frames", num_frames), ("frame_sampling_rate", frame_sampling_rate)):
            if value is not None and not fits(value, Natural):
                raise ArgumentError(f"{name} is {value!r:.80}; expected {describe(Natural)}")
            if value is not None:
                before[name] = value
        after: dict[str, Any] = {} if top_k is None else {"top_k": check_top_k(top_k)}
        if function_to_apply is not None:
            after["function"] = read_function(function_to_apply)
        return before, {}, after

    def __call__(self, inputs: Any = None, *, videos: Any = None, **parameters: Any) -> Any:
        """See the class; `batch_size`, `num_workers`, `show_progress` and `return_details` as for every pipeline."""
        return super().__call__(one_of(inputs=inputs, videos=videos), **parameters)

    def preprocess(self, video: Any, num_frames: int | None = None, frame_sampling_rate: int = 1) -> Any:
        config = self.model.config
        wanted = num_frames or next((config.get(name) for name in FRAMES if config.get(name)), None)

        def choose(metadata: VideoMetadata, **others: Any) -> Any:
            total = metadata.total_num_frames
            return range(total) if wanted is None else rate_indices(total, wanted, frame_sampling_rate)

        film = list(load_video(video, sample_indices_fn=choose)[0])
        if self.video_processor is not None:
            features = self.video_processor(film, return_tensors="pt", do_sample_frames=False)
        else:
            features = self.image_processor(film, return_tensors="pt")
        rows = len(next(iter(features.values())))
        if rows != 1:
            raise InputError(f"one input holds {rows} films; pass a list with a film for each answer")
        return dict(features if self.dtype is None else features.to(self.dtype))

    def _forward(self, input_tensors: Any) -> dict[str, Any]:
        return {"logits": self.model(**tensors(input_tensors)).logits}

    def postprocess(
        self, model_outputs: Any, function: ClassificationFunction | None = None, top_k: int | None = 5
    ) -> list[Result]:
        config = self.model.config
        values = scores(model_outputs["logits"][0], function or suited_function(config))
        return [Result(answer) for answer in best(values, config.id2label, top_k)]


PIPELINE = VideoClassificationPipeline
