"""`from_pretrained`, `save_pretrained` and `push_to_hub` for objects that live in one JSON file."""

import os
from typing import Any, ClassVar, Self

from ..core.config import Record, as_standard_json
from ..core.errors import CorruptFile, FileMissing
from ..core.files import folder_to_fill, read_json, write_json
from .code.saving import save_code
from .files import HubOptions, file_itself, get_file
from .push import PushToHubMixin, uploader


class PretrainedRecord(Record, PushToHubMixin):
    """A `Record` stored in a file of a fixed name beside the weights.

    Class attributes:
        file_name: the JSON file that holds it.
    """

    file_name: ClassVar[str]
    _auto_class: ClassVar[str | None] = None  # what `register_for_auto_class` was told

    @classmethod
    def get_dict(cls, name_or_path: str | os.PathLike[str], options: HubOptions = HubOptions()) -> dict[str, Any]:
        """The raw content of the file; a path to a JSON file itself is read as it is."""
        path = file_itself(name_or_path) or get_file(name_or_path, cls.file_name, options)
        values = read_json(path)
        if not isinstance(values, dict):
            raise CorruptFile(f"{path} is JSON of type {type(values).__name__}; expected an object of settings")
        return values

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Read from a folder, a file, or a name on the hub; keywords that are no hub options override stored values.

        Raises:
            FileMissing, HubError, CorruptFile: the file cannot be had or read.
            ConfigError: an override is misspelt, or values clash.
        """
        options, overrides = HubOptions.split(kwargs)
        opened: Self = cls.from_dict(cls.get_dict(pretrained_model_name_or_path, options), **overrides)
        return opened

    @classmethod
    def from_json_file(cls, json_file: str | os.PathLike[str]) -> Self:
        """Read from the JSON file `json_file`, whatever its name.

        Raises:
            FileMissing, CorruptFile: the file cannot be read. ConfigError: values clash.
        """
        file = file_itself(json_file)
        if file is None:
            raise FileMissing(f"there is no file {json_file}; from_pretrained opens folders and names on the hub")
        return cls.from_dict(cls.get_dict(file))

    def stored_values(self) -> dict[str, Any]:
        """What is written into the file."""
        return self.to_dict()

    def save_pretrained(self, save_directory: str | os.PathLike[str], *, push_to_hub: bool = False, **kwargs: Any) -> list[str]:
        """Write the file atomically into `save_directory`; returns the paths written.

        Args:
            push_to_hub: also upload the folder; `kwargs` are those of `hub.push.push_folder`, `repo_id` by default the
                folder's name.
        """
        upload = uploader(push_to_hub, kwargs, f"{type(self).__name__}.save_pretrained")
        path = folder_to_fill(save_directory) / self.file_name
        values = self.stored_values()
        code = save_code(type(self), self._auto_class, save_directory, values)
        write_json(path, as_standard_json(values), sort_keys=True)
        upload(save_directory)
        return [*map(str, code), str(path)]
