# `make` prints this help. `make run` and `make test` need nothing but Python 3.11 on a Debian machine.
SHELL := /bin/sh
PY := .venv/bin/python
BIN := .venv/bin
WORKERS ?= 3
SEEDS ?= 200
CODE := portal sandbox tests bench wsgi.py
export PYTHONUNBUFFERED := 1

.DEFAULT_GOAL := help
.PHONY: help run test nightly check lint scan bench sbom simulate reset sandbox portal lock fix migrate screenshots run-setup dev-setup scan-setup

help: ## Show this help
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: run-setup ## Set everything up and run portal, sandbox, worker and Postgres (Ctrl-C ends all)
	@exec $(PY) -m portal.devserver

test: dev-setup ## Set everything up, browser included, and pass all tests (ARGS= goes to pytest)
	@$(PY) -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder -m "not slow" $(ARGS)

nightly: dev-setup ## The slow tests: speed and size budgets, long storms, long lives of the money machine
	@HYPOTHESIS_PROFILE=ci $(PY) -m pytest -m slow $(ARGS)

check: ## What CI runs: every lint, every scan (side by side, for each keeps one core busy), every test
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target lint scan
	@$(MAKE) --no-print-directory test

lint: dev-setup ## Style, types, import contracts, templates, SQL
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/djlint --quiet --lint templates
	$(BIN)/squawk portal/db/migrations/*.sql

scan: scan-setup ## Security scans: bandit, semgrep with our own rules, secrets
	$(BIN)/bandit --quiet -ll --recursive --configfile pyproject.toml portal sandbox wsgi.py
	PATH="$$PWD/.venv-semgrep/bin:$$PATH" .venv-semgrep/bin/semgrep scan --config .semgrep --metrics off --disable-version-check --error --quiet .
	$(PY) -m pytest -q -p no:cacheprovider tests/house/planted_faults.py
	bin/scan-secrets

sbom: ## The bill of materials (CycloneDX) of what the portal runs on, into .data/sbom.json
	@mkdir -p .data && bin/sbom > .data/sbom.json && echo "make sbom: .data/sbom.json"

bench: dev-setup ## Measure; prints a table and writes .data/bench.json
	@$(PY) -m bench

simulate: dev-setup ## Portal and sandbox under seeded weather on virtual time (SEEDS=200)
	@$(PY) -m tests.simulation --seeds $(SEEDS)

sandbox: run-setup ## Run the Zoho Billing sandbox alone
	@exec $(PY) -m sandbox

portal: run-setup ## One command of the portal on the demo's data: make portal CMD="reconcile"
	@set -a; . ./.data/demo.env; set +a; exec $(PY) -m portal $(CMD)

migrate: run-setup ## Bring DATABASE_URL to the present schema
	@$(PY) -m portal migrate

reset: ## Forget all demo data (what runs must be stopped first)
	@if [ -f .data/run.lock ] && ! flock -n .data/run.lock true; then echo "make reset: end \`make run\` first (pid $$(cat .data/run.lock))." >&2; exit 2; fi
	@rm -rf .data && echo "make reset: .data is gone; the next \`make run\` starts afresh."

screenshots: dev-setup ## Every page and state at 390 and 1280 px, light and dark, into .data/screenshots
	@$(PY) -m tests.journeys.screenshots $(ONLY)

fix: dev-setup ## Mend what tools can mend
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

lock: run-setup ## Pin requirements*.in into requirements*.txt, with hashes
	@test -x .venv-lock/bin/uv || { $(PY) -m venv .venv-lock && .venv-lock/bin/python -m pip install -q uv; }
	.venv-lock/bin/uv pip compile -q --generate-hashes --no-header --python-version 3.11 --no-emit-index-url -o requirements.txt requirements.in
	.venv-lock/bin/uv pip compile -q --generate-hashes --no-header --python-version 3.11 --no-emit-index-url -o requirements-dev.txt requirements-dev.in
	.venv-lock/bin/uv pip compile -q --generate-hashes --no-header --python-version 3.11 --no-emit-index-url -o requirements-scan.txt requirements-scan.in

run-setup:
	@bin/setup run
dev-setup:
	@bin/setup dev
scan-setup: dev-setup
	@bin/setup scan
