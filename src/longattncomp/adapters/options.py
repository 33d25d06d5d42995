"""optional settings -> a compressor."""

from collections.abc import Collection, Hashable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self, cast

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_serializer,
    model_validator,
)

from longattncomp.compressor import Compressor
from longattncomp.errors import InputError
from longattncomp.runtime.setting_names import no_such
from longattncomp.runtime.stores import ByteStore
from longattncomp.settings import PER_CALL, Settings
from longattncomp.types import Order

_OWN = "own"
"""The key of a component's own options in the context of a validation."""


def _setting(name: str) -> Any:
    return Field(default=None, description=Settings.model_fields[name].description)


Name = Annotated[str | Path, BeforeValidator(lambda given: str(given) if isinstance(given, Path) else given)]
"""A name or path, kept as a string, because every framework can dump a string."""


class Options(BaseModel):
    """A base for components that frameworks build, copy, dump and build again: every setting is an optional field.

    A field that is None leaves its setting to the environment, `.env`, YAML or the default. Values are checked when
    they are given; the environment and the files are read at each use. The draft model is opened at the first use,
    once in this process for all components with the same settings.
    """

    model_config = ConfigDict(extra="forbid", arbitrary_types_allowed=True, protected_namespaces=())

    token_budget: int | None = _setting("token_budget")
    keep_rate: float | None = _setting("keep_rate")
    top_p: float | None = _setting("top_p")
    min_relevance: float | None = _setting("min_relevance")
    context_weight: float | None = _setting("context_weight")
    node_tokens: int | Literal["document"] | None = _setting("node_tokens")
    lead_ins: bool | None = _setting("lead_ins")
    deduplicate: bool | None = _setting("deduplicate")
    gap_mark: str | None = _setting("gap_mark")
    edge_marks: bool | None = _setting("edge_marks")
    separator: str | None = _setting("separator")
    order: Order | None = _setting("order")
    method: str | None = _setting("method")
    model: Name | None = _setting("model")
    head: Name | None = _setting("head")
    layers: int | None = _setting("layers")
    device: str | None = _setting("device")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] | None = _setting("dtype")
    cache_bytes: int | None = _setting("cache_bytes")
    key_store: Name | None = _setting("key_store")
    store_key: SecretStr | None = Field(
        default=None, exclude=True, repr=False, description=Settings.model_fields["store_key"].description
    )
    model_dir: Name | None = _setting("model_dir")
    target_tokenizer: Any = Field(
        default=None,
        description="The tokenizer that counts the budget: an object, a function, a tiktoken name or a path. "
        "Only a name or a path is dumped.",
    )
    store: Any = Field(
        default=None,
        exclude=True,
        repr=False,
        description="An object with `mget` and `mset` that keeps what was read, instead of the folder `key_store`; "
        "never dumped nor pickled.",
    )
    compressor: Annotated[Compressor | None, WithJsonSchema({"type": "null"})] = Field(
        default=None, exclude=True, repr=False, description="An open compressor to use; never dumped nor pickled."
    )

    @model_validator(mode="before")
    @classmethod
    def _known(cls, values: Any, info: ValidationInfo) -> Any:
        own = (info.context or {}).get(_OWN, ())
        if isinstance(values, Mapping) and (unknown := [str(name) for name in values if name not in cls.model_fields]):
            raise no_such("option", unknown, [*own, *cls.model_fields])
        return values

    @model_validator(mode="after")
    def _checked(self) -> Self:
        given = self.given()
        names = sorted(given.keys() - PER_CALL)
        names += [name for name in ("target_tokenizer", "store") if getattr(self, name) is not None]
        if self.compressor is not None and names:
            raise InputError(f"{', '.join(names)}: the compressor that was given is open already, leave this out")
        store = self.byte_store()
        if store is not None and not all(callable(getattr(store, name, None)) for name in ("mget", "mset")):
            raise InputError(f"store: expected an object with mget and mset, got {type(store).__name__}")
        Settings.model_validate({}).override(**given)
        return self

    @field_serializer("target_tokenizer")
    def _name_or_path(self, value: Any) -> str | None:
        return str(value) if isinstance(value, str | Path) else None

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        """Copy the options; the copy shares the open compressor, the tokenizer and the store."""
        memo = {} if memo is None else memo
        parts = (self.compressor, self.target_tokenizer, self.store)
        memo.update({id(part): part for part in parts if part is not None})
        return super().__deepcopy__(memo)

    def __getstate__(self) -> dict[Any, Any]:
        """Leave the open compressor, the store and its secret out of a pickle."""
        left_out = {"compressor": None, "store": None, "store_key": None}
        return super(Options, self.model_copy(update=left_out)).__getstate__()

    @classmethod
    def beside(cls, own: Collection[str], options: Mapping[str, Any]) -> Self:
        """Make the options of a component that has others of its own, which the error for a wrong name names, too.

        Raises:
            ValidationError: an option is unknown or out of its range.
        """
        return cls.model_validate(dict(options), context={_OWN: own})

    def given(self) -> dict[str, Any]:
        """Return the settings that were given here, without `target_tokenizer`."""
        names = Settings.model_fields.keys() - {"target_tokenizer"}
        return {name: value for name in names if (value := getattr(self, name)) is not None}

    def byte_store(self) -> ByteStore | None:
        """Return the store that was given as the engine needs it; the same object at each call."""
        return cast("ByteStore | None", self.store)

    def engine(self, *, target_tokenizer: Any = None, **defaults: Any) -> Compressor:
        """Return the compressor that these options and the environment describe; components share open models.

        Args:
            target_tokenizer: counts the budget if neither the options nor the environment name a tokenizer.
            **defaults: settings of one call that count where nothing else says what they are.

        Raises:
            ModelError: the draft model or head cannot be found, read or used.
            CacheError: `model_dir` cannot be written.
            InputError: an option, or a setting in the environment, is wrong.
        """
        given = self.given()
        if self.compressor is not None:
            said = self.compressor.settings.model_fields_set
            given |= {name: value for name, value in defaults.items() if name not in said | given.keys()}
            return _configured(self.compressor, tuple(sorted(given.items())))
        settings = Settings.load(**given)
        settings = settings.override(
            **{name: value for name, value in defaults.items() if name not in settings.model_fields_set}
        )
        tokenizer = self.target_tokenizer
        if tokenizer is None and settings.target_tokenizer is None:
            tokenizer = target_tokenizer
        store = self.byte_store()
        if not (isinstance(tokenizer, Hashable) and isinstance(store, Hashable)):
            return _opened.__wrapped__(settings, tokenizer, store)
        fields = type(settings).model_fields
        defaults = {name: fields[name].default for name in PER_CALL}
        opened = _opened(settings.model_copy(update=defaults), tokenizer, store)
        return _configured(opened, tuple((name, getattr(settings, name)) for name in sorted(PER_CALL)))


@lru_cache(maxsize=16)  # copying a target's tokenizer takes a while
def _opened(settings: Settings, target_tokenizer: Any, store: ByteStore | None) -> Compressor:
    return Compressor.from_pretrained(settings=settings, target_tokenizer=target_tokenizer, shared=True, store=store)


@lru_cache(maxsize=64)  # the same options get the same object, so that caches may be keyed by it
def _configured(compressor: Compressor, options: tuple[tuple[str, Any], ...]) -> Compressor:
    return compressor.configured(**dict(options))
