"""Uploading: what `save_pretrained` writes goes to a repository of the hub in one commit."""

import inspect
import os
import tempfile
from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any, ClassVar, Protocol

from ..core.errors import ArgumentError, HubError
from ..core.logging import warn_once
from .card import model_card
from .download import explain, failures
from .options import HubOptions, network_is_off, offline


def push_folder(
    folder: str | os.PathLike[str],
    repo_id: str,
    *,
    commit_message: str | None = None,
    commit_description: str | None = None,
    private: bool | None = None,
    token: str | bool | None = None,
    revision: str | None = None,
    create_pr: bool = False,
    supersedes: tuple[str, ...] = (),
    card: str | None = None,
    path_in_repo: str = "",
) -> str:
    """Upload the files of `folder` to `repo_id` in one commit; returns its address. Other files there stay.

    Args:
        repo_id: `name` (in your own namespace) or `organisation/name`; made when there is none.
        private: visibility of a repository that is made now.
        revision: the branch to commit to, made when there is none. create_pr: open a pull request instead.
        supersedes: patterns of files there to remove when this upload does not bring them (shards of an older save).
        card: text of a README.md, used when the repository has none.
        path_in_repo: the folder there that the files go to.

    Raises:
        HubError: offline, no or a wrong token, no permission, or the transfer failed.
    """
    from huggingface_hub import HfApi

    repo = make_repo(repo_id, private, token)
    api = HfApi(token=token)
    try:
        if revision is not None and not create_pr:
            api.create_branch(repo, branch=revision, exist_ok=True)
        if card is not None and not (Path(folder) / "README.md").exists() and not api.file_exists(repo, "README.md"):
            Path(folder, "README.md").write_text(card, encoding="utf-8")
        commit = api.create_commit(
            repo,
            _operations(
                Path(folder), api.list_repo_files(repo, revision=revision) if supersedes else [], supersedes, path_in_repo
            ),
            commit_message=commit_message or "Upload",
            commit_description=commit_description,
            revision=revision,
            create_pr=create_pr,
        )
    except failures() as error:
        raise explain(error, repo_id) from None
    return str(commit.pr_url or commit.commit_url)


def make_repo(repo_id: str, private: bool | None = None, token: str | bool | None = None) -> str:
    """Make a repository unless there is one; returns its whole name.

    Raises:
        HubError: offline, no or a wrong token, no permission.
    """
    from huggingface_hub import HfApi

    if offline(HubOptions()):
        raise HubError(f"cannot upload to {repo_id!r}: {network_is_off(HubOptions())}")
    try:
        return str(HfApi(token=token).create_repo(repo_id, private=private, exist_ok=True).repo_id)
    except failures() as error:
        raise explain(error, repo_id) from None


def _operations(folder: Path, remote_files: list[str], supersedes: tuple[str, ...], inside: str = "") -> list[Any]:
    """Add all files of `folder`; delete the `remote_files` that match `supersedes` and are not among them."""
    from huggingface_hub import CommitOperationAdd, CommitOperationDelete

    files = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}
    stale = [name for name in remote_files if name not in files and any(fnmatch(name, pattern) for pattern in supersedes)]
    places = {name: f"{inside}/{name}" if inside else name for name in files}
    added = [CommitOperationAdd(path_in_repo=places[name], path_or_fileobj=path) for name, path in files.items()]
    return [*added, *(CommitOperationDelete(path_in_repo=name) for name in stale)]


def uploader(
    push_to_hub: bool, keywords: dict[str, Any], where: str, supersedes: tuple[str, ...] = ()
) -> Callable[[str | os.PathLike[str]], None]:
    """What `save_pretrained(push_to_hub=..., **keywords)` does once a folder is written: upload it, if that is asked for.

    Keywords, those of `push_folder`, are checked at once, before anything is written; `repo_id` is by default the folder's
    name. Without `push_to_hub` they have no effect, and a warning says so.

    Raises:
        ArgumentError: a keyword that `where` does not take.
    """
    keywords = {name: value for name, value in keywords.items() if value is not None}
    unknown = [name for name in keywords if name not in inspect.signature(push_folder).parameters]
    if unknown:
        raise ArgumentError(f"{where} takes no argument {', '.join(map(repr, unknown))}")
    if keywords and not push_to_hub:
        warn_once("no-push", f"{', '.join(keywords)} of {where} say how to upload, and have no effect without push_to_hub=True")

    def upload(folder: str | os.PathLike[str]) -> None:
        if push_to_hub:
            push_folder(folder, **{"repo_id": Path(folder).resolve().name, "supersedes": supersedes, **keywords})

    return upload


class _Saves(Protocol):
    @property
    def supersedes(self) -> tuple[str, ...]: ...

    @property
    def model_tags(self) -> list[str] | None: ...

    def save_pretrained(self, save_directory: str, **kwargs: Any) -> Any: ...


class PushToHubMixin:
    """`push_to_hub` for whatever has `save_pretrained(folder, **kwargs)`.

    Class attributes:
        supersedes: patterns of files in a repository that an upload of this kind replaces as a set.
        model_tags: further labels for the card of a model (`add_model_tags`).
    """

    supersedes: ClassVar[tuple[str, ...]] = ()
    model_tags: list[str] | None = None

    def push_to_hub(
        self: _Saves,
        repo_id: str,
        *,
        commit_message: str | None = None,
        commit_description: str | None = None,
        private: bool | None = None,
        token: str | bool | None = None,
        revision: str | None = None,
        create_pr: bool = False,
        tags: list[str] | None = None,
        **kwargs: Any,
    ) -> str:
        """Upload what `save_pretrained(**kwargs)` writes, with a minimal card when there is none; returns the commit's address.

        Args:
            repo_id: `name` (in your own namespace) or `organisation/name`; made when there is none.
            private: visibility of a repository that is made now. token: access token, or True for the stored one.
            revision: branch to commit to, made when there is none. create_pr: open a pull request instead.
            tags: for the card, when it is written now.

        Raises:
            HubError: offline, no or a wrong token, no permission, or the transfer failed.
        """
        if not isinstance(repo_id, str) or not repo_id:
            raise ArgumentError(f"repo_id is {repo_id!r:.80}; expected 'name' or 'organisation/name'")
        with tempfile.TemporaryDirectory(prefix="bestiary-") as folder:
            self.save_pretrained(folder, **kwargs)
            return push_folder(
                folder,
                repo_id,
                commit_message=commit_message or f"Upload {type(self).__name__}",
                commit_description=commit_description,
                private=private,
                token=token,
                revision=revision,
                create_pr=create_pr,
                supersedes=self.supersedes,
                card=model_card(repo_id, Path(folder), list(dict.fromkeys([*(tags or ()), *(self.model_tags or ())]))),
            )
