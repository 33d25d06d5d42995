"""first line of a text -> whether it is a script; lines of one -> whether they are commands."""

import re
from collections.abc import Sequence

from longattncomp.chunking.lines.kinds import COMMENT, Line, ends_sentence

_MAGIC = (
    r"-\*-|(?:en)?coding[:=]|vim?:|frozen_string_literal:|shareable_constant_value:|warn_indent:"
    r"|typed: (?:ignore|false|true|strict|strong)\b|type: ignore|(?:rubocop|pylint|ruff|flake8|mypy|pyright|isort):"
    r"|shellcheck [a-z]+=|syntax[ \t]*=[ \t]*\S|yaml-language-server:|/// script"
)
"""What a comment says to a program that reads the file."""

NOTICE = re.compile(rf"#[ \t]*(?:{_MAGIC}|Copyright|SPDX|Licen[sc]ed)")
"""A comment at the head of a file."""

_SCRIPT = re.compile(rf"\ufeff?#(?:![ \t]*/|[ \t]*(?:{_MAGIC}))")


def begins_script(line: Line) -> bool:
    """Whether a line begins a script, in which a sign for a comment begins no heading of Markdown."""
    return line.indent == 0 and _SCRIPT.match(line.text) is not None


def are_commands(lines: Sequence[Line]) -> bool:
    """Whether the lines of a script may be commands: none but those of comments ends a sentence."""
    return not any(ends_sentence(line.text) for line in lines if not COMMENT.match(line.text))
