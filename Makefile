# oO. Each target sets up what it needs in `.venv`; Python 3.11 or later, make and git are all it asks for.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
# the stamp knows its folder: a checkout that was copied or moved gets an environment of its own
STAMP := .venv/.installed-$(shell pwd | cksum | cut -d' ' -f1)
GROUPS := connectors features learning stream flows test build bench
SCHEMAS := data_contracts/events
PAGE := api/page
RULES := $(addprefix tests/test_,architecture.py repository.py setup.py documents.py catalogues.py attack_record.py glossary.py)

# nothing that runs from here calls home
export DO_NOT_TRACK := true
export PREFECT_SERVER_ANALYTICS_ENABLED := false
export MLFLOW_DISABLE_TELEMETRY := true
export LITELLM_LOCAL_MODEL_COST_MAP := True
export PREFECT_RESULTS_DEFAULT_SERIALIZER := json
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help demo up test mutants faults attack soak check bench compare contracts lock

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-11s%s\n", $$1, $$2}' Makefile

demo: $(STAMP) ## one tip end to end, on a month of example data; FILES="my.ics tasks.csv" for your own
	$(BIN)/oo demo $(if $(FILES),$(FILES))

up: $(STAMP) ## the page, the api and the flows, until Ctrl-C
	$(BIN)/oo up

test: $(STAMP) ## every test, on SQLite and PostgreSQL, in a real browser where there is one
	@CHROMIUM="$$(.ci/chromium)" $(BIN)/python -m pytest $(or $(ARGS),-n auto --maxprocesses 4 --dist loadscope)

mutants: $(STAMP) ## whether the tests notice small changes of the rules; NAME=gate for one part; resumes where it ended
	$(BIN)/python -m tests.mutants $(NAME)

faults: $(STAMP) ## kill processes and servers at every named point and at random; ROUNDS=n for more
	$(BIN)/python -m tests.faults

attack: $(STAMP) ## attacks of an unauthenticated client, on loopback; writes the table of SECURITY.md; NAME=x for one of them
	$(BIN)/python -m tests.attack $(NAME)

soak: $(STAMP) ## an hour of mixed requests: memory, descriptors, threads and logs; DURATION=120 for two minutes
	DURATION=$(DURATION) $(BIN)/python -m tests.soak

check: $(STAMP) ## format, lint, types, architecture, contracts
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/oxlint --config $(PAGE)/oxlint.json --deny-warnings $(PAGE)/static
	@if command -v tsc >/dev/null; then tsc --project $(PAGE)/tsconfig.json; \
	else echo "No tsc on this machine: the types of the page's scripts are not checked (npm install -g typescript)."; fi
	$(BIN)/mypy
	$(BIN)/python -m pytest -p no:randomly $(RULES)
	cd $(SCHEMAS) && ../../$(BIN)/buf lint && ../../$(BIN)/buf breaking --against baseline.binpb
	@generated=$$(mktemp -d) && trap 'rm -r "$$generated"' EXIT && \
	$(BIN)/python -m data_contracts.events.generate "$$generated" >/dev/null && \
	for file in "$$generated"/oo/events/v1/*; do diff "$$file" "$(SCHEMAS)/oo/events/v1/$${file##*/}" || exit 1; done && \
	echo "The generated types are those of the schemas."

bench: $(STAMP) ## speed against a peer in the same run; NAME=x for one of them
	$(BIN)/python -m benchmarks $(NAME)

compare: $(STAMP) ## processor time against an earlier commit, in turn; BEFORE=rev, PAIRS=n, NAME=x for one piece of work
	$(BIN)/python -m benchmarks.before_after $(BEFORE) $(NAME) --pairs $(or $(PAIRS),10)

contracts: $(STAMP) ## write what is made of the contracts: event types, OpenAPI, the pages of docs/
	$(BIN)/python -m data_contracts.events.generate
	$(BIN)/python -m data_contracts.documents
	$(BIN)/python -m serving.candidates.catalogue_page
	$(BIN)/python -m models.promotion.rules_page
	$(BIN)/python -m api.openapi
	$(BIN)/python -m oo.documents

lock: $(STAMP) ## write requirements.lock anew; ARGS=--upgrade takes newer releases
	$(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header \
		$(addprefix --group ,$(GROUPS)) --quiet --output-file requirements.lock $(ARGS)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit(1)' || \
		{ echo "oO needs Python 3.11 or later; name one with PYTHON=python3.11" >&2; exit 1; }
	@grep -qsF "$(CURDIR)/.venv" $(BIN)/activate || $(PYTHON) -m venv --clear .venv || \
		{ echo "python's venv module is missing; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	@echo "Installing what requirements.lock names into .venv" >&2
	@sed -n '/^uv==/,/# via/p' requirements.lock > .venv/uv.lock
	@$(BIN)/python -m pip install --quiet --require-hashes -r .venv/uv.lock
	@$(BIN)/uv pip sync --quiet --require-hashes --python $(BIN)/python requirements.lock
	@$(BIN)/uv pip install --quiet --no-deps --no-build-isolation --python $(BIN)/python -e .
	@rm -f .venv/.installed-* && touch $@
