"""`python -m longattncomp`."""

from longattncomp.cli import app

app()
