"""JSON, XML and HTML -> units, by their brackets and tags."""
