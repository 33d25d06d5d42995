"""a folder name -> the first layers of SmolLM2-135M-Instruct: the files beside this one, which longattncomp reads."""
