"""engine -> components of a framework: everything that their authors need.

Both packages in `integrations/` are built on these names and on those of `longattncomp`, and import nothing else of the
engine; a package for a third framework can be built the same way:

```python
class Shortener(Options, TheirBaseClass):  # every setting of the engine is a field
    def shorten(self, text: str, query: str) -> str:
        engine = self.engine()  # opened at the first use, once in this process
        return pass_whole(lambda: engine.compress(query, text).text, text, "the text passes whole")

    async def ashorten(self, text: str, query: str) -> str:
        return await in_thread(self.shorten, text, query)
```

`compress_results` keeps what failed in tool results, whatever is asked, `fit_budget` charges what a framework shows
around the kept text to the budget, `last_said` finds what a chat's user wants, `query_for` makes a query from it and a
tool's arguments, `counter` makes a counting function from any tokenizer, `read_back` gives a model what it needs of a
text that was shortened, by the key that `original` makes and `last_line` names, and `GONE` says that it is not kept,
`PURPOSE_TEXT` tells it what a tool's argument is for that joins the query, `sentences` tells a
full stop from an abbreviation's, `acknowledges` tells "Noted." from an answer, `Recent` remembers results, and
`PER_CALL` names the settings that may change with each call.
`longattncomp.testing` has what tests of components need.
"""

from longattncomp.adapters.budget import fit_budget
from longattncomp.adapters.options import Options
from longattncomp.adapters.passing import pass_whole, warn_of
from longattncomp.adapters.reading_back import GONE, last_line, original, read_back
from longattncomp.adapters.tool_results import PURPOSE_TEXT, compress_results
from longattncomp.chunking.sentences import sentences
from longattncomp.chunking.talk.asked import acknowledges
from longattncomp.counting import Counter, counter
from longattncomp.errors import BudgetError, CacheError, InputError, ModelError, ModelNotFoundError
from longattncomp.query.exchange import last_said
from longattncomp.query.parsing import query_for
from longattncomp.runtime.recent import Recent
from longattncomp.runtime.stores import ByteStore
from longattncomp.runtime.threads import in_background, in_thread, in_threads
from longattncomp.settings import PER_CALL

__all__ = [
    "GONE",
    "PER_CALL",
    "PURPOSE_TEXT",
    "BudgetError",
    "ByteStore",
    "CacheError",
    "Counter",
    "InputError",
    "ModelError",
    "ModelNotFoundError",
    "Options",
    "Recent",
    "acknowledges",
    "compress_results",
    "counter",
    "fit_budget",
    "in_background",
    "in_thread",
    "in_threads",
    "last_line",
    "last_said",
    "original",
    "pass_whole",
    "query_for",
    "read_back",
    "sentences",
    "warn_of",
]
