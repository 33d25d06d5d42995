"""file of a weights package -> a model's weights.

The package holds a GGUF file's blocks as they are, under Hugging Face's names. A tensor of them is (bytes of a block,
rows, blocks in a row): the first bytes of all blocks, then the second bytes, which makes a smaller wheel.
"""

from pathlib import Path

import torch

from longattncomp.backbone.weight_files import below


def unpack(file: Path, layers: int) -> dict[str, torch.Tensor]:
    """Read the weights of the first `layers` layers, in bf16: the same numbers as converting the GGUF file gives."""
    from gguf import GGMLQuantizationType
    from gguf.quants import dequantize
    from safetensors import safe_open

    weights = {}
    with safe_open(file, "pt") as stored:
        types = stored.metadata()
        for name in filter(below(layers), stored.keys()):
            tensor = stored.get_tensor(name)
            if name in types:
                blocks = tensor.permute(1, 2, 0).flatten(1).contiguous().numpy()  # (rows, bytes of a row)
                tensor = torch.from_numpy(dequantize(blocks, GGMLQuantizationType[types[name]])).bfloat16()
            weights[name] = tensor
    return weights
