"""an endpoint's reply -> a chat completion, checked."""

from typing import Annotated

from pydantic import BaseModel, Field

_Tokens = Annotated[int, Field(ge=0, lt=1 << 53)]


class _Message(BaseModel):
    content: str | None = None


class Choice(BaseModel):
    """One answer."""

    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: _Tokens = 0
    completion_tokens: _Tokens = 0


class Completion(BaseModel):
    """What a chat completion has of interest here."""

    choices: Annotated[list[Choice], Field(min_length=1)]
    usage: _Usage | None = None
