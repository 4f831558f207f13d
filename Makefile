# make demo: install, judge the sample PPO and its corrected twin.   make test: install, pass the tests.
# make proofs: install, prove everything (Coq and Gappa are Debian packages: see proofs/README.md).
PYTHON ?= python3
BIN := .venv/bin

.PHONY: demo test proofs lint bench clean

$(BIN)/ppocore: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --editable .
	@touch $@

demo: $(BIN)/ppocore
	@$(BIN)/ppocore check docs/examples/my_ppo.py; test $$? -eq 1
	@$(BIN)/ppocore check docs/examples/my_ppo_fixed.py

test: $(BIN)/ppocore
	$(BIN)/python -m pip install --quiet --editable '.[test]'
	$(BIN)/python -m pytest -n auto --dist loadfile

proofs: $(BIN)/ppocore
	$(BIN)/python -m pip install --quiet --editable '.[proofs]'
	$(BIN)/python -m proofs
	$(BIN)/python -m proofs.freeze --check

lint: $(BIN)/ppocore
	$(BIN)/python -m ruff check .
	$(BIN)/python -m mypy

bench: $(BIN)/ppocore
	$(BIN)/python -m pip install --quiet --editable '.[peers,proofs,train]'
	$(BIN)/python -m tests.benchmarks

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache dist build
