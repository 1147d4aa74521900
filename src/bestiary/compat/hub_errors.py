"""The errors of the hub's client, which scripts catch under the old paths, and what its variables are read as."""

from huggingface_hub.errors import EntryNotFoundError as EntryNotFoundError
from huggingface_hub.errors import GatedRepoError as GatedRepoError
from huggingface_hub.errors import RepositoryNotFoundError as RepositoryNotFoundError
from huggingface_hub.errors import RevisionNotFoundError as RevisionNotFoundError

# What switches a variable of the environment on, in capital letters.
ENV_VARS_TRUE_VALUES = {"1", "ON", "YES", "TRUE"}
