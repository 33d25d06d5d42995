"""How well the kept context holds the evidence: rows, metrics, runs and reports."""
