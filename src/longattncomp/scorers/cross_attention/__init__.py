"""The trained cross-attention layer: reading segments, caching their keys, scoring a query against them."""
