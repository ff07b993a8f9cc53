# make book | test | lab | serve | bench | clean: each makes its own environment first.
PYTHON ?= python3
PORT ?= 8000
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)

book: .venv/installed
	$(BIN)/python -m book build

test: .venv/installed-test
	$(BIN)/python -m book test

lab: .venv/installed
	$(BIN)/jupyter lab --ServerApp.root_dir=. --LabApp.default_url=/lab/tree/chapters

serve: .venv/installed
	$(BIN)/python -m book serve --port $(PORT)

bench: .venv/installed-test
	cd tests && ../$(BIN)/python -m bench --write
	cd tests && ../$(BIN)/python -m bench.snapshot

clean:
	rm -rf .venv _build .pytest_cache .hypothesis .ruff_cache

.venv/installed: requirements.txt constraints.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "mytorch needs Python 3.11 or newer; try make PYTHON=python3.12")'
	@echo "Making the environment in .venv (a minute or two; once)"
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements.txt
	@touch $@

.venv/installed-test: .venv/installed requirements-test.txt
	@echo "Adding what the tests need (PyTorch among it; once)"
	$(BIN)/python -m pip install --disable-pip-version-check -r requirements-test.txt
	@touch $@

.PHONY: book test lab serve bench clean
