"""(query, nodes) -> scores, one module per method."""
