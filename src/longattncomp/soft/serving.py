"""concept embeddings -> the part of a chat message that a vLLM server reads in place of text.

vLLM, started with --enable-prompt-embeds, takes a content part of base64 over what `torch.save` writes: a dense tensor
(n, width) in a float dtype. It has to be 0.26 or later: before, such tensors could attack the server.
"""

import base64
import io

import torch
from torch import Tensor


def content_part(embeddings: Tensor) -> dict[str, str]:
    """Make the content part of embeddings (n, width)."""
    written = io.BytesIO()
    torch.save(embeddings.detach().cpu().contiguous().clone(), written)  # a view would write all that it looks into
    return {"type": "prompt_embeds", "data": base64.b64encode(written.getvalue()).decode("ascii")}
