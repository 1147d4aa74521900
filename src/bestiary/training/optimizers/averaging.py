"""Optimizers without a schedule (Defazio et al. 2024) train at one point and give another, the average of the weights.

Their `eval` puts the average into the model, their `train` the point that is trained.
"""

from typing import Any


def to_train(optimizer: Any) -> None:
    """Put the weights that are trained into the model, if the optimizer tells the two apart."""
    _switch(optimizer, "train")


def to_average(optimizer: Any) -> None:
    """Put the average into the model, to be evaluated or saved, if the optimizer tells the two apart."""
    _switch(optimizer, "eval")


def _switch(optimizer: Any, name: str) -> None:
    switch = getattr(optimizer, name, None)
    if callable(switch):
        switch()
