"""rows -> the contexts and questions that a stage is trained on."""
