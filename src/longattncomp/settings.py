"""argument > environment > .env > YAML > the user's own YAML > default, as one validated value."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from longattncomp.errors import InputError, warn
from longattncomp.runtime.setting_files import from_environment, from_files
from longattncomp.runtime.setting_names import is_like, no_such
from longattncomp.scorers.methods import DEFAULT, METHODS
from longattncomp.types import Order

DEFAULT_MODEL = "smollm2-135m-instruct"
UNTRAINED: Literal["untrained"] = "untrained"
"""Names the draft model's own layer L+1 as the head."""

PER_CALL = frozenset(
    (
        *("token_budget", "keep_rate", "min_relevance", "top_p", "context_weight", "node_tokens", "lead_ins"),
        *("deduplicate", "gap_mark", "edge_marks", "separator", "order"),
    )
)
"""Settings that one call may replace."""

_HARMLESS = PER_CALL | {"method", "layers", "device", "dtype", "cache_bytes"}
"""Settings that name no code, model, path or secret, so that a file of any working directory may set them."""


_EITHER = {
    "node_tokens": "expected a whole number of at least 1, or 'document'",
    "head": "expected a path, or 'untrained'",
}
"""What is expected where a setting takes one of two kinds."""


class Settings(BaseModel):
    """Everything that can be set, with its default. `Settings.load` reads it from its sources."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    method: str = Field(
        DEFAULT,
        description=f"How text is scored: {', '.join(METHODS)}. Take longattncomp-alone for a corpus that is asked "
        "often, bm25 where even a small model is too slow.",
    )
    model: str = Field(
        DEFAULT_MODEL,
        description="Draft model that reads the text: the embedded one, a folder, a GGUF file or a Hugging Face id. "
        "Change it for other languages or more quality.",
    )
    head: Path | Literal["untrained"] | None = Field(
        None,
        description="Checkpoint of a scoring head you trained, or a folder of them (after.safetensors, ...); "
        "`untrained` takes the draft model's own layer. Leave it out to use the head that ships.",
    )
    layers: int | None = Field(
        None, ge=1, description="Layers of the draft model that are read. Set it only to train or try another depth."
    )
    device: str = Field("auto", description="Where the draft model runs: auto, cpu, cuda, cuda:1, mps …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto",
        description="Arithmetic of the draft model. Set float32 for the same digits on every machine.",
    )
    node_tokens: Annotated[int, Field(ge=1)] | Literal["document"] = Field(
        32,
        description="Draft tokens up to which short sentences, rows, items are kept or dropped as one, or `document`; "
        "a longer one stays whole. Raise it to keep whole paragraphs.",
    )
    token_budget: int = Field(
        16384, ge=1, description="Most tokens of the result. Set it to the room your model's prompt has for context."
    )
    keep_rate: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Most of the context's tokens that are kept, within token_budget. Set it to save a fixed share.",
    )
    top_p: float = Field(
        1.0,
        gt=0,
        le=1,
        description="Attention mass at which enough is kept (0.95 in the papers); 1 fills the budget. Lower it to keep "
        "less than fits.",
    )
    min_relevance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Least chance that the context answers at all; below it the result is empty. The default head "
        "estimates it, other heads give a rough score, and methods without a head ignore it, as do results of tools. "
        "Raise it to get empty results instead of wrong ones.",
    )
    context_weight: float = Field(
        0.35,
        ge=0,
        le=1,
        description="How much neighbours and the whole document count for a node's rank. Set 0 to rank by score alone.",
    )
    lead_ins: bool = Field(
        True,
        description="Whether kept text brings along its headings, header row, class and def lines, keys. "
        "Set false where every piece makes sense alone.",
    )
    deduplicate: bool = Field(
        True,
        description="Whether a passage that stands in several places (overlapping chunks, quoted mails) is kept once "
        "where not everything fits. Set false where it matters how often it stands there.",
    )
    gap_mark: str = Field(
        "\n[...]\n", description="Text that stands where something was left out. Change it if it confuses your model."
    )
    edge_marks: bool = Field(
        False,
        description="Whether the gap mark stands at a document's beginning and end, too, where something was left out "
        "there. Set it where the reader cannot know, as for tools and memory.",
    )
    separator: str = Field("\n\n", description="Text between two documents. Change it to match your prompt.")
    order: Order = Field(
        "position",
        description="Documents as they were given (position) or best first (score). Set score to show a ranked list.",
    )
    target_tokenizer: str | None = Field(
        None,
        description="Counts the budget: a Hugging Face id, a tiktoken name, a tokenizer.json or its folder; otherwise "
        "the draft model's. "
        "Set it to the tokenizer of the model that reads the result.",
    )
    cache_bytes: int = Field(
        1_000_000_000,
        ge=0,
        description="Memory for text that was read, in bytes. Raise it for long contexts that are asked again; "
        "0 keeps nothing.",
    )
    key_store: Path | None = Field(
        None,
        description="Folder that keeps what was read between processes, for longattncomp-alone and -cascade. "
        "Set it for a corpus that is indexed once.",
    )
    store_key: SecretStr | None = Field(
        None,
        min_length=1,
        description="Secret without which nobody can write entries of the key store that count. Set it where others "
        "can write the store: otherwise a checksum finds damage, not forgery.",
    )
    model_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("longattncomp"),
        description="Folder of converted draft models. Set it where the home folder cannot be written.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _method(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fill in the method's own defaults. They do not count as set, because another method has others."""
        name = given.get("method", DEFAULT) if isinstance(given, dict) else DEFAULT
        own = METHODS[name].defaults if isinstance(name, str) and name in METHODS else {}
        if not own:
            return handler(given)
        made = handler({**own, **given})
        made.__pydantic_fields_set__.difference_update(own.keys() - given.keys())
        return made

    @field_validator("token_budget", "layers", "node_tokens", "cache_bytes", mode="before")
    @classmethod
    def _number(cls, given: Any) -> Any:
        if isinstance(given, bool):
            raise ValueError("expected a whole number")
        return given

    @field_validator("method")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in METHODS:
            raise ValueError(f"expected one of {', '.join(METHODS)}")
        return name

    @field_validator("model_dir", "key_store", "head", mode="before")
    @classmethod
    def _path(cls, path: Any) -> Any:
        if path == UNTRAINED:
            return path
        return Path(path).expanduser() if isinstance(path, str | Path) and str(path) else path or None

    @classmethod
    def load(cls, *, yaml_file: Path | str | None = None, **arguments: Any) -> Settings:
        """Read settings from all sources.

        The order of precedence is: `arguments`, `LONGATTNCOMP_<NAME>` in the environment, the same in `.env`, the YAML
        file (`longattncomp.yaml` in the working directory), `longattncomp.yaml` in the user's configuration folder,
        the default.

        The working directory's files may have come with a repository: what could name code, a model or a path there is
        ignored with a warning, unless `LONGATTNCOMP_TRUST_DIRECTORY=1` stands in the environment.

        Args:
            yaml_file: read instead of the working directory's `longattncomp.yaml`, and trusted; it must exist.
            **arguments: settings by name; None counts as not given.

        Raises:
            InputError: a name is no setting, a value is out of its range, or a YAML file cannot be read.
        """
        if yaml_file is not None and not Path(yaml_file).is_file():
            raise InputError(f"expected a YAML file of settings, found none at {str(yaml_file)!r}")
        given = cls._given(arguments)
        refused = cls.model_fields.keys() - _HARMLESS | {"trust_directory"}
        from_yaml, from_dotenv = from_files(Path(yaml_file) if yaml_file else None, refused=refused)
        values: dict[str, Any] = {}
        places: dict[str, str] = {}
        for file, found in from_yaml:
            place = f" in {file.absolute()}" if found else ""
            here = cls._given(found, place)
            values |= here
            places |= dict.fromkeys(here, place)
        environment = from_environment(os.environ)
        variables = {**from_dotenv, **environment}
        others = variables.keys() - cls.model_fields.keys()
        # A name that is like none of ours may be somebody else's.
        if unknown := [name for name in others if is_like(name, cls.model_fields)]:
            warn(f"ignored in the environment or .env: {no_such('setting', unknown, cls.model_fields)}")
        named = {name: value for name, value in variables.items() if name in cls.model_fields}
        places |= {name: f" in the {'environment' if name in environment else 'file .env'}" for name in named}
        places |= dict.fromkeys(given, "")
        return cls._validated({**values, **named, **given}, places)

    def override(self, **arguments: Any) -> Settings:
        """Return a copy with some values replaced; None keeps the old value.

        Raises:
            InputError: as `load`.
        """
        given = self._given(arguments)
        if not given:
            return self
        chosen = {name: value for name, value in self if name in self.model_fields_set}
        return self._validated({**chosen, **given})

    def of_call(self, **options: Any) -> Settings:
        """Return a copy with the options of one call.

        Raises:
            InputError: as `load`, or a setting that a call cannot replace.
        """
        fixed = sorted((options.keys() & type(self).model_fields.keys()) - PER_CALL)
        if fixed:
            raise InputError(f"{', '.join(fixed)}: set when the compressor is made, not per call")
        if unknown := options.keys() - PER_CALL:
            raise no_such("option of a call", unknown, sorted(PER_CALL))
        return self.override(**options)

    @classmethod
    def _given(cls, arguments: Mapping[Any, Any], place: str = "") -> dict[str, Any]:
        unknown = sorted(str(name) for name in arguments if name not in cls.model_fields)
        if unknown:
            raise no_such(f"setting{place}", unknown, cls.model_fields)
        return {name: value for name, value in arguments.items() if value is not None}

    @classmethod
    def _validated(cls, values: Mapping[str, Any], places: Mapping[str, str] | None = None) -> Self:
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            wrong = {
                (name := str(part["loc"][0])): f"{name}{(places or {}).get(name, '')}: "
                + _EITHER.get(name, part["msg"].lower().removeprefix("value error, "))
                + ("" if name == "store_key" else f", got {part['input']!r:.200}")
                for part in error.errors()
            }
            raise InputError("; ".join(wrong.values())) from None
