"""base URL of an endpoint -> the address without secrets, and the secrets, which no message may show."""

import json
import re
from base64 import b64encode
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import quote, quote_plus

from longattncomp.errors import InputError

_MOST = 300  # characters of a server's text in a message
_PIECE = 8  # characters of a secret that are secret without the rest of it


@dataclass(frozen=True, slots=True)
class Address:
    """Where an endpoint is.

    Attributes:
        url: scheme, host and path.
        query: parameters of each request, such as a key.
        login: user and password, maybe empty.
    """

    url: str
    query: dict[str, str]
    login: tuple[str, str]

    @classmethod
    def parse(cls, url: str) -> "Address":
        """Take a base URL apart.

        Raises:
            InputError: the text is no address; the message does not repeat it, since it may hold a password.
        """
        import httpx

        try:
            parsed = httpx.URL(url)
        except (httpx.InvalidURL, ValueError):
            parsed = httpx.URL()
        if parsed.scheme not in ("http", "https") or not parsed.host:
            raise InputError("expected a base URL such as https://host/v1, got something else: check OPENAI_BASE_URL")
        bare = parsed.copy_with(userinfo=b"", query=None, fragment=None)
        return cls(str(bare).rstrip("/"), dict(parsed.params), (parsed.username, parsed.password))

    @property
    def headers(self) -> dict[str, str]:
        """What logs in with user and password."""
        return {"Authorization": f"Basic {_base64(':'.join(self.login))}"} if any(self.login) else {}

    @property
    def secrets(self) -> set[str]:
        """What nobody may read who reads a message."""
        login = {_base64(":".join(self.login))} if any(self.login) else set()
        return {*self.login, *login, *self.query.values()} - {""}


def masked(text: str, secrets: Collection[str]) -> str:
    """Cut a server's text short, and put asterisks for secrets that it repeats, whole or in part, encoded or not."""
    text = "".join(character if character.isprintable() else " " for character in text[: 100 * _MOST])
    forms = {
        form
        for secret in secrets
        for form in (
            *(secret, quote(secret, safe=""), quote_plus(secret), json.dumps(secret)[1:-1]),
            _base64(secret).rstrip("="),
        )
    }
    pieces = {form[start : start + _PIECE] for form in forms for start in range(max(1, len(form) - _PIECE + 1))}
    shown = bytearray(b"\1" * len(text))
    for piece in pieces:
        pattern = re.escape(piece) if len(piece) > 3 else rf"(?<!\w){re.escape(piece)}(?!\w)"
        for found in re.finditer(pattern, text, re.IGNORECASE):
            shown[found.start() : found.end()] = bytes(len(found[0]))
    hidden = "".join(character if show else "\0" for character, show in zip(text, shown, strict=True))
    return re.sub("\0+", "***", hidden)[:_MOST]


def _base64(text: str) -> str:
    return b64encode(text.encode("utf-8", "replace")).decode()
