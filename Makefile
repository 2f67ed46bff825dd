# Everything here works without root, in a folder of any name, and again when run twice.
PY := .venv/bin/python
SHIM_FLAGS := -O2 -std=gnu11 -fPIC -shared -fvisibility=hidden -ftls-model=initial-exec -Wall -Wextra -Werror
# Two workers unless told otherwise: make test WORKERS=8
WORKERS ?= 2

.PHONY: help demo test pytest lint format check-shim docs bench clean

help:
	@echo 'make demo    record a shipped example, pack it, validate it, show it'
	@echo 'make test    everything that must be right before a change goes in'
	@echo 'make lint    the static checks alone;  make format puts the layout right'
	@echo 'make docs    write docs/reference/cli.md from the commands themselves'
	@echo 'make bench   what recording and packing cost on this machine'
	@echo 'make clean   remove what was built (.venv stays)'

demo:
	@scripts/setup-venv demo
	@scripts/demo

test: lint check-shim pytest

pytest:
	@scripts/setup-venv dev
	$(PY) -m pytest -n $(WORKERS) --dist loadscope $(ARGS)

lint:
	@scripts/setup-venv dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.venv/bin/lint-imports

format:
	@scripts/setup-venv dev
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

check-shim:
	@if command -v $(CC) >/dev/null 2>&1; then \
	    echo '$(CC) $(SHIM_FLAGS) provenance/recording/shim.c'; \
	    $(CC) $(SHIM_FLAGS) -o /dev/null provenance/recording/shim.c -ldl -lpthread; \
	else echo 'no C compiler: the shim is not checked'; fi

docs:
	@scripts/setup-venv dev
	$(PY) scripts/cli_reference.py docs/reference/cli.md

bench:
	@scripts/setup-venv dev
	@for each in tests/benchmarks/[a-z]*.py; do echo "== $$each"; $(PY) "$$each" || exit 1; done

clean:
	rm -rf demo build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
