"""Small things around generation that scripts import: the kinds of cache, and a check of stopping criteria."""

from ..cache.naming import aliases, implementations
from ..core.logging import warn_once
from ..generation.stopping import MaxLengthCriteria, StoppingCriteriaList

ALL_CACHE_IMPLEMENTATIONS = (*implementations(), *aliases())


def validate_stopping_criteria(stopping_criteria: StoppingCriteriaList, max_length: int) -> StoppingCriteriaList:
    """A new list of these criteria that also ends rows at `max_length`; where one has a length already, that one stays."""
    length = stopping_criteria.max_length
    if length is None:
        return StoppingCriteriaList([*stopping_criteria, MaxLengthCriteria(max_length)])
    if length != max_length:
        warn_once("max-length", f"max_length is {max_length}, and the stopping criteria end rows at {length}, which holds")
    return StoppingCriteriaList(stopping_criteria)
