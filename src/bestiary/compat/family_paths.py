"""Old paths of families: what `transformers.models.bert.modeling_bert` and its like stand for."""

from collections.abc import Collection

# beginning of a family's old module name -> the module of its folder here, the first that it has ("" is the folder itself)
FAMILY_FILES = {
    "configuration": ("",),
    "feature_extraction": ("feature_extractor", "image_processor"),
    "image_processing": ("image_processor",),
    "image_processing_pil": ("image_processor",),
    "modeling": ("model",),
    "processing": ("processor",),
    "tokenization": ("tokenizer",),
    "video_processing": ("video_processor",),
}
# How the name of a family ends that is the half for texts, or for images, of what a published folder holds.
_HALVES = ("_text", "_vision")


def families_here() -> Collection[str]:
    """The families of this library; nothing is imported before they are asked for."""
    from ..modeling.families import families

    return families()


def family_module(path: str) -> tuple[str, ...] | None:
    """`models.bert`, `models.bert.modeling_bert`, `models.bert.tokenization_bert_fast`; before release 4 `modeling_bert`.

    Where a half of what a published folder holds is a family here, the path is the published one as well:
    `models.llama4.modeling_llama4` for the family `llama4_text`, `models.data2vec.modeling_data2vec_text` for `data2vec_text`.
    """
    *folders, leaf = path.split(".")
    if folders == ["models"] and (name := _family_of(leaf)):
        return (f"models.{name}",)
    for prefix, files in FAMILY_FILES.items():
        if not leaf.startswith(f"{prefix}_"):
            continue  # no list of families is needed to tell
        kind = leaf.removeprefix(f"{prefix}_").removesuffix("_fast")
        name = _family_of(kind)
        if name and folders in ([], ["models", kind], ["models", published_folder(name)]):
            modules = _family_files(name, files)
            return modules if modules is None or prefix != "modeling" else (*modules, "compat.family_helpers")
    return None


def _family_of(name: str) -> str | None:
    """The family that a published folder or file is named after: its own name, or that without the ending of its half."""
    return next((each for each in (name, *(f"{name}{half}" for half in _HALVES)) if each in families_here()), None)


def published_folder(name: str) -> str:
    """The published folder of the family `name`."""
    whole = next((name.removesuffix(half) for half in _HALVES if name.endswith(half)), name)
    return name if whole in families_here() else whole


def _family_files(name: str, files: tuple[str, ...]) -> tuple[str, ...] | None:
    """The first of these modules of the family's folder, and the folder itself, which lists all that it publishes.

    A family made from a relative's data has its models in the folder itself.
    """
    from ..modeling.families import family_files

    modules = family_files(name)
    if files == ("",) or (files == ("model",) and "model" not in modules):
        return (f"models.{name}",)
    return next(((f"models.{name}.{file}", f"models.{name}") for file in files if file in modules), None)
