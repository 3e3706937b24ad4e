# Everything runs in .venv, which the first target that needs it makes. Only Python 3.11 or newer and make must be there.
#
#   make demo           animate the shipped portrait with the shipped motion and write demo.mp4
#   make test           lint, type check and the whole test suite
#   make test-thorough  the tests that take minutes each and are left out of make test
#   make lint           ruff and pyright
#   make format         put the code into ruff's format
#   make lock           resolve the pinned requirements anew (needs uv)
#   make clean          remove the environment, the caches and what the demo wrote

VENV := .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
WORKERS ?= 2
PYTEST_ARGS ?= --numprocesses=$(WORKERS) --durations=10
UV ?= uv
LOCK := $(UV) pip compile --quiet --upgrade --universal --python-version 3.11 --fork-strategy fewest \
	--no-emit-index-url --no-emit-find-links --no-annotate --custom-compile-command "make lock"

.PHONY: demo test test-thorough lint format lock clean
.DELETE_ON_ERROR:

demo: $(VENV)/installed
	$(BIN)/thf demo

test: lint
	$(BIN)/python -m pytest $(PYTEST_ARGS)

test-thorough: $(VENV)/installed-dev
	$(BIN)/python -m pytest -m thorough $(PYTEST_ARGS)

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(VENV)/installed-dev
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

lock:
	$(LOCK) --output-file requirements.txt pyproject.toml
	$(LOCK) --output-file requirements-dev.txt --extra dev --group converter --constraints requirements.txt pyproject.toml

clean:
	rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis dist build demo.mp4 demo.png

# The lock files are complete, hence --no-deps; the stamps keep a second run from installing again.
$(VENV)/installed: requirements.txt pyproject.toml | $(BIN)/python
	@echo "Installing the pinned dependencies into $(VENV) (a minute or two) ..."
	$(PIP_INSTALL) --requirement requirements.txt
	$(PIP_INSTALL) --editable .
	@touch $@

$(VENV)/installed-dev: requirements-dev.txt $(VENV)/installed
	@echo "Installing the pinned test dependencies into $(VENV) ..."
	$(PIP_INSTALL) --requirement requirements-dev.txt
	@touch $@

# A name on the PATH may belong to an older Python or to none (a version manager's stub): ask each for its version.
$(BIN)/python:
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	    if $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	        exec $$python -m venv $(VENV); \
	    fi; \
	done; echo "make: no Python 3.11 or newer found; name one: make PYTHON=/path/to/python" >&2; exit 1
