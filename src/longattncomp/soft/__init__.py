"""documents -> vectors that a local model reads in place of text."""

from longattncomp.soft.context import SoftContext
from longattncomp.soft.reader import SoftReader

__all__ = ["SoftContext", "SoftReader"]
