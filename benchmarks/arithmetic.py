"""Which arithmetic reads fastest on this processor and on weaker ones: a table, then one line of JSON.

python benchmarks/arithmetic.py

Each row runs in a process of its own, because a processor's abilities are looked at once. The caps are those of
oneDNN (`ONEDNN_MAX_CPU_ISA`) and of PyTorch's own kernels (`ATEN_CPU_CAPABILITY`).
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from statistics import median
from typing import Any

import torch
from rich.console import Console
from rich.table import Table
from speed import machine, timed

SHAPE = (2, 1024)
REPEATS = 5
CAPS = {
    "all it can": {},
    "AVX-512 without bf16 and VNNI": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}
WAYS = ("float32", "bfloat16", "float32 compiled", "bfloat16 compiled", "int8, torchao")


def main() -> None:
    """Measure, print, and end with one line of JSON."""
    if len(sys.argv) == 3 and sys.argv[1] == "--way":
        print(json.dumps(measure(sys.argv[2])))
        return
    results = {way: {cap: child(way, cap) for cap in CAPS} for way in WAYS}
    table = Table("", *CAPS, title=", ".join(f"{key} {value}" for key, value in machine().items()))
    for way, found in results.items():
        cells = (row.get("tokens_s") or row["failed"] for row in found.values())
        error = next((row["error"] for row in found.values() if "error" in row), None)
        table.add_row(f"{way} ({error})" if error is not None else way, *map(str, cells))
    Console(width=140).print(table)
    print(json.dumps({"what": "arithmetic", "machine": machine(), "tokens_s": results}))


def child(way: str, cap: str) -> dict[str, Any]:
    """One row in a process of its own; a way that does not run here says why."""
    done = subprocess.run(
        [sys.executable, __file__, "--way", way], capture_output=True, text=True, env={**os.environ, **CAPS[cap]}
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no message"])[-1][:60]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    Console(stderr=True).print(way, cap, found)
    return found


@torch.inference_mode()
def measure(way: str) -> dict[str, Any]:
    """Tokens a second of the layers that `after` reads, and how far the states are from float32's."""
    from longattncomp.backbone.attention import NAME, register

    torch.manual_seed(0)
    ids = torch.randint(5, 40_000, SHAPE)
    exact = opened("float32")(input_ids=ids, use_cache=False).last_hidden_state
    model = opened("bfloat16" if way.startswith("bfloat16") else "float32")
    if way.startswith("bfloat16"):
        register()
        model.set_attn_implementation(NAME)
    forward: Any = model
    if way.endswith("compiled"):
        forward = torch.compile(model, dynamic=False)
    elif way == "int8, torchao":
        from torchao.quantization import Int8DynamicActivationInt8WeightConfig, quantize_

        quantize_(model, Int8DynamicActivationInt8WeightConfig())
        forward = torch.compile(model, dynamic=False)

    def run() -> Any:
        return forward(input_ids=ids, use_cache=False)

    states = run().last_hidden_state
    seconds = median(timed(run) for _ in range(REPEATS))
    error = float((states.float() - exact).norm() / exact.norm())
    return {"tokens_s": round(ids.numel() / seconds), "error": f"{error:.1e}"}


def opened(dtype: str) -> Any:
    """The layers that the head for `after` stands on."""
    from longattncomp import Settings
    from longattncomp.backbone.loading import choose_dtype, open_layers
    from longattncomp.backbone.locate import locate
    from longattncomp.scorers.cross_attention.head import read_head_config
    from longattncomp.scorers.opening import head_file

    settings = Settings.load()
    file = head_file(settings)
    layers = read_head_config(file).layers if file else 15
    device = torch.device("cpu")
    draft = locate(settings.model, layers=layers, cache_dir=settings.cache_dir)
    model: Any = open_layers(draft.folder, layers, device=device, dtype=choose_dtype(dtype, device)).model
    model.set_attn_implementation("sdpa")
    del model.layers[layers:]
    return model


if __name__ == "__main__":
    main()
