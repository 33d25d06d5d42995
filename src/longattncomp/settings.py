"""argument > environment > .env > YAML > default, as one validated value."""

from __future__ import annotations

import os
from collections.abc import Hashable, Mapping
from functools import cache, lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    ModelWrapValidatorHandler,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from yaml import YAMLError

from longattncomp.errors import InputError
from longattncomp.types import ContextEncoding, Method, NodeBoundary, Order, Overflow, QueryPlace

DEFAULT_MODEL = "smollm2-135m-instruct"
UNTRAINED: Literal["untrained"] = "untrained"
"""The head that a draft model has by nature: its own layer L+1."""

OWN_DEFAULTS: Mapping[str, Mapping[str, Any]] = {
    "attncomp": {"node_tokens": "document", "min_score": 0.01, "context_weight": 0.0},
    "speculative": {"node_tokens": 32, "node_boundary": "exact", "top_p": 1.0, "context_weight": 0.0},
    "bm25": {"node_tokens": 64, "node_boundary": "near", "context_weight": 0.0},
    "alone": {"node_tokens": 64, "node_boundary": "near"},
}
"""What a method, or LongAttnComp with the query at such a place, has by default where it differs, such as AttnComp's
epsilon. Words, and queries that do not see the context, find more of passages in longer nodes, and only LongAttnComp's
own scores were measured to gain by what a node is part of."""

PER_CALL = frozenset(
    {
        "token_budget",
        "keep_rate",
        "min_relevance",
        "top_p",
        "min_score",
        "surroundings",
        "context_weight",
        "overflow",
        "node_tokens",
        "node_boundary",
        "gap_mark",
        "separator",
        "order",
    }
)
"""The settings that a call may replace."""


class Settings(BaseModel):
    """Everything that can be set, with its default. `Settings.load` reads it from its sources."""

    model_config = ConfigDict(frozen=True, extra="forbid", protected_namespaces=())

    method: Method = Field(
        "longattncomp",
        description="How nodes are scored: longattncomp, attncomp, speculative (Speculative Prefill) or bm25.",
    )
    model: str = Field(DEFAULT_MODEL, description="Draft model: embedded name, folder, GGUF file or HF id.")
    head: Path | Literal["untrained"] | None = Field(
        None,
        description="Checkpoint of a scoring head, or a folder with after.safetensors and alone.safetensors; none: the "
        "ones that ship; untrained: the model's own layer L+1.",
    )
    layers: int | None = Field(None, ge=1, description="L, the layers kept; none: the model's default.")
    device: str = Field("auto", description="auto, cpu, cuda, cuda:1, mps …")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = Field(
        "auto", description="The backbone's arithmetic: auto, float32, bfloat16 or float16."
    )
    encoding: ContextEncoding = Field(
        "segmented",
        description="How the context is read: in segments (segmented), or all in one pass if the window holds it "
        "(causal).",
    )
    query_place: QueryPlace | Literal["cascade"] | None = Field(
        None,
        description="Whether the query sees the context (after), not (alone), or the part of it that alone finds "
        "(cascade); none: as the head was trained.",
    )
    node_tokens: Annotated[int, Field(ge=1)] | Literal["document"] = Field(
        32, description="Longest node, in draft tokens, or 'document' for one node per document."
    )
    node_boundary: NodeBoundary = Field(
        "sentence",
        description="Where nodes end: at the last sentence or line end after their first quarter (sentence), at one in "
        "their last quarter (near), or at the token (exact).",
    )
    segment_tokens: int = Field(1024, ge=1, description="Longest segment, in draft tokens.")
    feedback: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Part of the scores that comes from asking again with the text of the best node; 0 asks once.",
    )
    token_budget: int = Field(16384, ge=1, description="Most tokens the result may have.")
    keep_rate: float = Field(
        1.0, gt=0, le=1, description="Most of the context's tokens the result may have, within token_budget."
    )
    top_p: float = Field(0.95, gt=0, le=1, description="Mass at which selection stops; 1 for no such limit.")
    min_relevance: float = Field(
        0.0,
        ge=0,
        le=1,
        description="Chance that anything is relevant (1 - instruction score) below which nothing is kept.",
    )
    min_score: float = Field(0.0, ge=0, le=1, description="Score below which a node is left out (AttnComp's epsilon).")
    surroundings: float = Field(
        0.0, ge=0, le=1, description="Part of the mass of the 768 tokens around a node that counts for its rank."
    )
    context_weight: float = Field(
        0.35,
        ge=0,
        le=1,
        description="How much of a node's rank is due to the nodes right beside it and to its document; 0 for the "
        "score alone.",
    )
    overflow: Overflow = Field("fill", description="A node over the budget is skipped (fill) or the end (paper).")
    gap_mark: str = Field("\n[...]\n", description="Put where text of one document was left out.")
    separator: str = Field("\n\n", description="Put between two documents in the text.")
    order: Order = Field("position", description="Documents as they were given (position), or best first (score).")
    target_tokenizer: str | None = Field(
        None, description="Counts the budget: a tiktoken name, tokenizer.json or folder; none: the draft's."
    )
    cache_bytes: int = Field(
        1_000_000_000, ge=0, description="Bytes of what was read that stay in memory for the next question; 0 for none."
    )
    key_store: Path | None = Field(
        None, description="Folder where the keys of what was read are kept between processes; none: in memory only."
    )
    cache_dir: Path = Field(
        default_factory=lambda: platformdirs.user_cache_path("longattncomp"),
        description="Where converted draft models lie.",
    )

    @model_validator(mode="wrap")
    @classmethod
    def _method(cls, given: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        """Fill in the method's own defaults, which do not count as set: another method has others."""
        name = (given.get("method") or "longattncomp") if isinstance(given, dict) else None
        if name == "longattncomp":
            name = given.get("query_place")
        own = OWN_DEFAULTS.get(name, {}) if isinstance(name, str) else {}
        if not own:
            return handler(given)
        made = handler({**own, **given})
        made.__pydantic_fields_set__.difference_update(own.keys() - given.keys())
        return made

    @field_validator("cache_dir", "key_store", "head", mode="before")
    @classmethod
    def _path(cls, path: Any) -> Any:
        if path == UNTRAINED:
            return path
        return Path(path).expanduser() if isinstance(path, str | Path) and str(path) else path or None

    @classmethod
    def load(cls, *, yaml_file: Path | str | None = None, **arguments: Any) -> Settings:
        """Read every source; the strongest wins.

        Strongest first: `arguments`, `LONGATTNCOMP_<NAME>` in the environment, the same in
        `.env`, the YAML file (`longattncomp.yaml` in the working directory), the default.

        Args:
            yaml_file: read instead of `longattncomp.yaml`; must exist.
            **arguments: settings by name; None means not given.

        Raises:
            InputError: a name that is no setting, or a value out of its range.
        """
        if yaml_file is not None and not Path(yaml_file).is_file():
            raise InputError(f"expected a YAML file of settings, found none at {str(yaml_file)!r}")
        given = cls._given(arguments)
        file = yaml_file or "longattncomp.yaml"
        said = (frozenset(os.environ.items()), _content(".env"), _content(file))
        try:
            read = _read if all(isinstance(value, Hashable) for value in given.values()) else _read.__wrapped__
            return read(cls, file, said, **given)
        except ValidationError as error:
            raise InputError(_readable(error)) from error
        except InputError:
            raise
        except (YAMLError, TypeError) as error:
            raise InputError(f"cannot read {file} as YAML: {error}") from error
        except ValueError as error:
            raise InputError(f"cannot read the settings in the environment, .env or YAML: {error}") from error

    def override(self, **arguments: Any) -> Settings:
        """The same settings with some values replaced; None keeps the old value.

        Raises:
            InputError: as `load`.
        """
        given = self._given(arguments)
        if not given:
            return self
        chosen = {name: value for name, value in self if name in self.model_fields_set}
        try:
            return type(self).model_validate({**chosen, **given})
        except ValidationError as error:
            raise InputError(_readable(error)) from error

    def of_call(self, **options: Any) -> Settings:
        """Those of one call.

        Raises:
            InputError: as `load`, or a setting that only a compressor has.
        """
        fixed = sorted((options.keys() & type(self).model_fields.keys()) - PER_CALL)
        if fixed:
            raise InputError(f"{', '.join(fixed)}: set when the compressor is made, not per call")
        return self.override(**options)

    @classmethod
    def _given(cls, arguments: dict[str, Any]) -> dict[str, Any]:
        unknown = sorted(set(arguments) - set(cls.model_fields))
        if unknown:
            raise InputError(f"no such setting: {', '.join(unknown)}; there are: {', '.join(cls.model_fields)}")
        return {name: value for name, value in arguments.items() if value is not None}


def _content(file: Path | str) -> bytes | None:
    try:
        return Path(file).read_bytes()
    except OSError:
        return None


@lru_cache(maxsize=64, typed=True)  # three milliseconds, and components of frameworks read their settings at every use
def _read(settings: type[Settings], yaml_file: Path | str, _said: Hashable, **given: Any) -> Settings:
    """`_said` is what the sources hold: with other contents they are read again."""
    found = _sources(settings, yaml_file)(**given)
    return settings.model_validate({name: value for name, value in found if name in found.model_fields_set})


@cache  # a class takes a millisecond to build
def _sources(settings: type[Settings], yaml_file: Path | str) -> type[BaseSettings]:
    class Sources(settings, BaseSettings):  # type: ignore[misc, valid-type]
        model_config = SettingsConfigDict(
            env_prefix="LONGATTNCOMP_", env_file=".env", env_ignore_empty=True, extra="ignore"
        )

        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            file = YamlConfigSettingsSource(settings_cls, yaml_file)
            settings._given(file())
            return init_settings, env_settings, dotenv_settings, file

    return Sources


def _readable(error: ValidationError) -> str:
    return "; ".join(
        f"{'.'.join(map(str, part['loc']))}: {part['msg'].lower()}, got {part['input']!r}" for part in error.errors()
    )
