"""What a function shows of its parameters (`inspect.signature`), where its code takes them on behalf of something else."""

from collections.abc import Callable, Iterable
from inspect import Parameter, Signature, signature
from types import FunctionType
from typing import Any, TypeVar

_Function = TypeVar("_Function", bound=Callable[..., Any])


def showing(function: Callable[..., Any], parameters: Iterable[Parameter]) -> FunctionType:
    """A copy of `function` that shows `parameters` after `self`; `__wrapped__` is the function itself."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"only a function shows other parameters; found {function!r:.80}")
    copied = FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__, function.__closure__
    )
    copied.__kwdefaults__, copied.__qualname__ = function.__kwdefaults__, function.__qualname__
    copied.__doc__, copied.__module__, copied.__annotations__ = function.__doc__, function.__module__, function.__annotations__
    shown = [Parameter("self", Parameter.POSITIONAL_OR_KEYWORD), *parameters]
    copied.__dict__.update(function.__dict__)
    stand_for(function, copied, Signature(shown))
    return copied


def stand_for(function: Callable[..., Any], copied: Callable[..., Any], shown: Signature) -> None:
    """Let `copied` show these parameters and be known as one that `undecorated` takes back to `function`."""
    # Decorators of others copy attributes onto what they make: only what names itself here is a copy of ours.
    copied.__dict__.update(__wrapped__=function, __signature__=shown, _copy_of_ours=copied)


def showing_options_of(*receivers: Callable[..., Any]) -> Callable[[_Function], _Function]:
    """A decorator of a method whose `**kwargs` go to `receivers`: it shows what they take by name, with their defaults."""
    taken = [each for receiver in receivers for each in signature(receiver).parameters.values()]
    options = {each.name: each.replace(kind=Parameter.KEYWORD_ONLY) for each in taken if each.default is not Parameter.empty}

    def decorate(function: _Function) -> _Function:
        parameters = dict(list(signature(function).parameters.items())[1:])
        rest = [parameters.pop(name) for name, each in list(parameters.items()) if each.kind is Parameter.VAR_KEYWORD]
        further = [each for name, each in options.items() if name not in parameters]
        shown: Any = showing(function, [*parameters.values(), *further, *rest])
        return shown  # type: ignore[no-any-return]

    return decorate


def is_of_the_library(function: Any) -> bool:
    """Whether `function` stands in this package: one that a user writes says itself what it takes."""
    return str(undecorated(function).__module__).partition(".")[0] == __name__.partition(".")[0]


def undecorated(function: Any) -> Any:
    """The function that `showing` copied, or `function` itself, with whatever decorators others put on it."""
    return function.__wrapped__ if vars(function).get("_copy_of_ours") is function else function
