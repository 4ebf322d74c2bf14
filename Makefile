# Everything a new machine needs: `make demo` and `make test` set up a virtual environment by themselves.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

BENCH := .venv-bench

.PHONY: demo test check experiments format golden catalog bench torture clean

demo: $(READY)
	$(BIN)/yamlnet summary configs/mnist_cnn.yaml
	$(BIN)/yamlnet train configs/mnist_cnn.yaml

test: $(READY)
	$(BIN)/python -m pytest

check: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Trains every experiment of configs/ whose data come with yamlnet, and ends with an error where one misses its `expect`.
experiments: $(READY)
	for file in $(filter-out configs/fashion_resnet.yaml,$(wildcard configs/*.yaml)); do \
		$(BIN)/yamlnet train $$file --runs build/experiments || exit; \
	done

# Rewrites the expected output of every case in tests/cases: read the diff before you commit it.
golden: $(READY)
	$(BIN)/python -m tests.golden

# What runs survive: kills, disks that fail, damaged files. Prints the figures of docs/reliability.md.
torture: $(READY)
	$(BIN)/python -m tests.torture

# Reads the names and signatures of the installed torch, torchvision and torchmetrics anew.
catalog: $(READY)
	$(BIN)/python -m yamlnet.catalog.signatures

# Measures yamlnet against loops written by hand, Lightning and Keras, which get an environment of their own.
bench: $(BENCH)/.ready
	$(BENCH)/bin/python -m benchmarks.peers

clean:
	rm -rf $(VENV) $(BENCH) build *.egg-info

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	$(BIN)/python -m compileall -q yamlnet  # or each start would, where Python is told to write no bytecode
	touch $@

$(BENCH)/.ready: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e . lightning==2.6.6 keras==3.15.1
	touch $@
