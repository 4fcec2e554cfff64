# Every target prepares what it needs and repeats nothing that is done: see tools/setup.py.
PYTHON ?= python3
BIN := .venv/bin
WEB := $(BIN)/python tools/dashboard.py npm run --silent
LOCK := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
	--no-header --no-annotate --no-emit-index-url --upgrade

.DEFAULT_GOAL := help
.PHONY: help setup demo dev test check bench docs lock

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## make .venv, install everything, build the dashboard
	@$(PYTHON) tools/setup.py

demo: setup ## a live page with programs that report to it
	@$(BIN)/tacho demo

dev: setup ## the server, and beside it the dashboard that reloads as you edit
	@$(BIN)/python tools/dev.py

test: setup ## the whole test suite; ARGS="-k name" for a part
	@$(BIN)/python -m pytest $(ARGS)

check: setup ## formatting, lint, types, layers, the dashboard's checks, coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --strict src
	$(BIN)/pyright
	$(BIN)/lint-imports
	$(WEB) lint
	$(WEB) typecheck
	$(WEB) test
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report

bench: setup ## the benchmarks, into docs/benchmarks.md too; ARGS="--only NAME" prints one
	@$(BIN)/python -m benchmarks $(if $(ARGS),$(ARGS),--write docs/benchmarks.md)

docs: ## build the documentation into site/
	@$(PYTHON) tools/setup.py docs
	@$(BIN)/zensical build --clean --strict

lock: setup ## resolve requirements/*.txt anew
	$(LOCK) --all-extras --group dev pyproject.toml --output-file requirements/dev.txt
	$(LOCK) --constraints requirements/dev.txt --group docs --output-file requirements/docs.txt
	$(LOCK) --constraints requirements/dev.txt --group node --output-file requirements/node.txt
	$(LOCK) --constraints requirements/dev.txt --group bootstrap \
		--output-file requirements/bootstrap.txt
