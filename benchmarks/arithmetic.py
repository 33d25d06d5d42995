"""Measure which arithmetic reads fastest, here and on weaker processors: a table, then one line of JSON.

python benchmarks/arithmetic.py

Each row runs in a new process, because libraries look at the processor's features once, when they are loaded. Weaker
processors are imitated by caps for oneDNN (`ONEDNN_MAX_CPU_ISA`) and for PyTorch's own kernels
(`ATEN_CPU_CAPABILITY`).
"""

from __future__ import annotations

import argparse
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
    "all features": {},
    "AVX-512 without bf16 and VNNI": {"ONEDNN_MAX_CPU_ISA": "AVX512_CORE"},
    "AVX2": {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"},
}
WAYS = ("float32", "bfloat16", "float32 compiled", "bfloat16 compiled", "int8, torchao")


def main() -> None:
    """Measure every row, print a table, then one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--way", choices=WAYS, help="measure only this row, in this process")
    if way := parser.parse_args().way:
        print(json.dumps(measure(way)))
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
    """Measure one row in a new process; if it fails, return the error's last line."""
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
    """Return tokens per second of the layers that the default method reads, and the error against float32."""
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
    """Open the layers that the default head is trained on."""
    from longattncomp import Settings
    from longattncomp.backbone.loading import choose_dtype, open_layers
    from longattncomp.backbone.locate import locate
    from longattncomp.scorers.cross_attention.head import read_head_config
    from longattncomp.scorers.cross_attention.opening import head_file

    settings = Settings.load()
    file = head_file(settings, "after")
    layers = read_head_config(file).layers if file else 15
    device = torch.device("cpu")
    draft = locate(settings.model, layers=layers, model_dir=settings.model_dir)
    model: Any = open_layers(draft.folder, layers, device=device, dtype=choose_dtype(dtype, device)).model
    model.set_attn_implementation("sdpa")
    del model.layers[layers:]
    return model


if __name__ == "__main__":
    main()
