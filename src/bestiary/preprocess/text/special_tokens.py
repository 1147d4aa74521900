"""The tokens with a role: beginning, end, padding, unknown, separator, class, mask, and those that one model adds."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tokenizers import AddedToken as AddedToken

from ...core.errors import ArgumentError, InputError, did_you_mean
from ...core.logging import warn_once
from .converters.text import is_text

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
EXTRA = "extra_special_tokens"
OLDER_EXTRA = "additional_special_tokens"
NAMED = "named_special_tokens"

Token = str | AddedToken


def as_special(token: Token) -> AddedToken:
    """`token` as one that is never split and is skipped when special tokens are."""
    if isinstance(token, AddedToken):
        token.special = True
        return token
    return AddedToken(token, special=True, normalized=False)


def with_space_before(token: Token) -> AddedToken:
    """A text as a special token that takes the space before it along, as words do."""
    return AddedToken(token, lstrip=True, special=True, normalized=False) if isinstance(token, str) else token


def read_token(value: Any) -> Any:
    """A token as stored in JSON: a string, or a dictionary with its content and how it matches.

    Raises:
        InputError: a dictionary without a content, or a text with half of a character (a surrogate).
    """
    text = value.get("content") if isinstance(value, Mapping) else value
    if isinstance(text, str) and not is_text(text):
        raise InputError(f"a token is {text!r:.60}, with half of a character (a surrogate); expected whole characters")
    if not isinstance(value, Mapping):
        return value
    fields = ("single_word", "lstrip", "rstrip", "normalized", "special")
    if not isinstance(value.get("content"), str):
        raise InputError(f"a stored token has no text under 'content': {dict(value)!r:.80}")
    return AddedToken(value["content"], **{name: bool(value[name]) for name in fields if name in value})


def extra_tokens(settings: Mapping[str, Any]) -> list[Any] | Mapping[str, Any]:
    """The special tokens without a role of a tokenizer's options, or role -> token.

    Raises:
        InputError: they are something else, or one of the former is no token.
    """
    extra = settings.get(EXTRA, settings.get(OLDER_EXTRA)) or []
    if isinstance(extra, Mapping):
        return extra
    if not isinstance(extra, list | tuple):
        raise InputError(f"{EXTRA} is {extra!r:.60}; expected a list of tokens, or role -> token")
    tokens = [read_token(token) for token in extra]
    for token in tokens:
        if not isinstance(token, str | AddedToken):
            raise InputError(f"{EXTRA} has {token!r:.60}; expected a text or a stored token")
    return tokens


def with_extra(settings: Mapping[str, Any], before: Iterable[str] = (), behind: Iterable[str] = ()) -> dict[str, Any]:
    """A tokenizer's options with further special tokens without a role, `before` and `behind` those that they have."""
    extra = extra_tokens(settings)
    named = {NAMED: {**(settings.get(NAMED) or {}), **extra}} if isinstance(extra, Mapping) and extra else {}
    tokens = [*before, *(() if isinstance(extra, Mapping) else extra), *behind]
    return {**settings, **named, EXTRA: list(dict.fromkeys(tokens))}


class SpecialTokens:
    """Roles of tokens: `tokenizer.pad_token`, `tokenizer.pad_token_id`, and so on for each role.

    `named` roles of one model (an image token, say) come from `extra_special_tokens={"image_token": "<image>"}`.
    Setting a role to a text does not add it to the vocabulary; `add_special_tokens` does. Until then its id is that of the
    unknown token, with one warning.
    """

    _ordinary: frozenset[str] = frozenset()  # added tokens that a whole tokenizer, as it was stored, has for text

    def __init__(self) -> None:
        self._roles: dict[str, str | None] = dict.fromkeys(ROLES)
        self._extra: list[str] = []

    @abstractmethod
    def _id_of(self, token: str) -> int | None:
        """The id of a token; None where the vocabulary lacks it."""

    @abstractmethod
    def _token_of(self, index: int) -> str | None:
        """The token of an id; None beyond the vocabulary."""

    @abstractmethod
    def _add_tokens(self, new_tokens: Sequence[Token], special_tokens: bool = False) -> int:
        """Extend the vocabulary; returns how many tokens are new."""

    def __getattr__(self, name: str) -> Any:
        roles = self.__dict__.get("_roles") or dict.fromkeys(ROLES)  # a subclass may ask before it is constructed
        if name in roles:
            if roles[name] is None and self.__dict__.get("verbose"):
                warn_once(f"unset-{name}", f"{name} is read, and no token has this role")
            return roles[name]
        if name.endswith("_id") and name[:-3] in roles:
            return self._id_of_role(name[:-3])
        raise AttributeError(f"{type(self).__name__} has no attribute {name!r:.80}.{did_you_mean(name, dir(self))}")

    def _id_of_role(self, role: str) -> int | None:
        """The id of the token of `role`; the unknown token's, as published, where the vocabulary lacks it."""
        token, unknown = self._roles[role], self._roles["unk_token"]
        index = None if token is None else self._id_of(token)
        if index is not None or token is None or unknown is None or (index := self._id_of(unknown)) is None:
            return index
        warn_once(
            f"outside-{role}",
            f"{role} is {token!r:.60}, which the vocabulary lacks, so that {role}_id is {index}, that of {unknown!r:.60}: add"
            f" it with add_special_tokens({{{role!r}: ...}})",
        )
        return index

    def __setattr__(self, name: str, value: Any) -> None:
        roles = self.__dict__.get("_roles", {})
        if name in roles:
            roles[name] = None if value is None else str(getattr(value, "content", value))
        elif name.endswith("_id") and name[:-3] in roles:
            roles[name[:-3]] = None if value is None else self._token_of(value)
        else:
            super().__setattr__(name, value)

    def __dir__(self) -> Iterable[str]:
        roles = self.__dict__.get("_roles", {})
        return [*super().__dir__(), *roles, *(f"{role}_id" for role in roles)]

    @property
    def extra_special_tokens(self) -> list[str]:
        """Special tokens without a role."""
        return list(self._extra)

    @extra_special_tokens.setter
    def extra_special_tokens(self, tokens: Sequence[Token]) -> None:
        self._extra = [str(getattr(token, "content", token)) for token in tokens]

    @property
    def extra_special_tokens_ids(self) -> list[int | None]:
        """Ids of the special tokens without a role."""
        return [self._id_of(token) for token in self._extra]

    @extra_special_tokens_ids.setter
    def extra_special_tokens_ids(self, ids: Sequence[int]) -> None:
        tokens = {index: self._token_of(index) for index in ids}
        if unknown := [index for index, token in tokens.items() if token is None]:
            raise InputError(f"there is no token {unknown[0]!r:.60} that could be special; expected ids of the vocabulary")
        self._extra = [str(token) for token in tokens.values()]

    additional_special_tokens = extra_special_tokens
    additional_special_tokens_ids = extra_special_tokens_ids

    @property
    def special_tokens_map(self) -> dict[str, str]:
        """Role -> token, for the roles that are filled."""
        return {role: token for role, token in self._roles.items() if token is not None}

    @property
    def all_special_tokens(self) -> list[str]:
        """Every special token once: those with a role first, then the others."""
        return list(dict.fromkeys([*self.special_tokens_map.values(), *self._extra]))

    @property
    def all_special_ids(self) -> list[int]:
        """Ids of `all_special_tokens`, those in the vocabulary."""
        ids = (self._id_of(token) for token in self.all_special_tokens)
        return [index for index in ids if index is not None]

    def add_tokens(self, new_tokens: Token | Sequence[Token], special_tokens: bool = False) -> int:
        """Extend the vocabulary; returns how many tokens are new. Text that holds none of them is encoded as before.

        The model's embeddings have to follow: `model.resize_token_embeddings(len(tokenizer))`.
        """
        if not isinstance(new_tokens, str | AddedToken | Iterable | None):
            raise InputError(f"tokens are a text, an AddedToken or a list of them, not {type(new_tokens).__name__}")
        tokens = [new_tokens] if isinstance(new_tokens, str | AddedToken) else list(new_tokens or ())
        for token in tokens:
            if not isinstance(token, str | AddedToken):
                raise InputError(f"a token is a str or an AddedToken, not {type(token).__name__} {token!r:.60}")
        return self._add_tokens(tokens, special_tokens)

    def add_special_tokens(self, special_tokens_dict: Mapping[str, Any], replace_extra_special_tokens: bool = True) -> int:
        """Give roles to tokens and add those that the vocabulary lacks; returns how many are new.

        Args:
            special_tokens_dict: role -> token, and `extra_special_tokens` -> tokens without a role.
            replace_extra_special_tokens: forget former tokens without a role, or keep them too.
        """
        if not isinstance(special_tokens_dict, Mapping):
            raise InputError(f"special tokens come as role -> token, not {type(special_tokens_dict).__name__}")
        tokens: list[Token] = []
        for role, value in special_tokens_dict.items():
            if role in (EXTRA, OLDER_EXTRA):
                if not isinstance(value, list | tuple | set | Mapping):
                    raise InputError(f"{role} is {value!r:.60}; expected a list of tokens")
                new = list(value)
                self.extra_special_tokens = new if replace_extra_special_tokens else _join(self._extra, new)
                tokens += new
            elif role not in self._roles:
                roles = [*self._roles, EXTRA]
                raise ArgumentError(
                    f"{role!r:.80} is no role of a special token.{did_you_mean(role, roles)} Roles: {', '.join(roles)}"
                )
            else:
                setattr(self, role, value)
                tokens.append(value)
        return self.add_tokens(tokens, special_tokens=True)

    def _set_specials(self, settings: Mapping[str, Any]) -> None:
        """At construction: roles and other special tokens as given; what the vocabulary lacks is added, in order of roles."""
        extra = extra_tokens(settings)
        named = settings.get(NAMED) or {}
        if not isinstance(named, Mapping):
            raise InputError(f"{NAMED} is {named!r:.60}; expected role -> token")
        named = {**named, **(extra if isinstance(extra, Mapping) else {})}
        for role, value in settings.items():
            if role.endswith("_token") and role not in ROLES and isinstance(value, str | AddedToken):
                named.setdefault(role, value)
        for role in named:
            self._roles[role] = None
        roles = {**{role: settings.get(role) for role in ROLES}, **named}
        tokens = {role: read_token(value) for role, value in roles.items() if value is not None}
        others = [] if isinstance(extra, Mapping) else extra
        for role, token in tokens.items():
            if not isinstance(token, str | AddedToken):
                raise InputError(f"{role} is {token!r:.60}; expected a text or a stored token")
        if tokens or others:
            # Files of release 5 list ordinary added tokens among the special ones, and they stay ordinary.
            marked = [token for token in others if token not in self._ordinary]
            self.add_special_tokens({**tokens, **({EXTRA: marked} if others else {})})
        if others:
            self.extra_special_tokens = others


def _join(old: list[str], new: list[Token]) -> list[Token]:
    return [*old, *(token for token in new if str(getattr(token, "content", token)) not in old)]
