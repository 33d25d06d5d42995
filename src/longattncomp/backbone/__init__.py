"""The frozen draft model: finding it, opening its first L layers, and running them."""
