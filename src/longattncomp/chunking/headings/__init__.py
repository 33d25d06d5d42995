"""Lines of a text -> those that are headings, and the sections that they open."""
