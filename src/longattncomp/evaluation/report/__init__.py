"""Records -> means with intervals -> tables, pictures and a page."""
