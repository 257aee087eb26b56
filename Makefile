# Everything that a newcomer or a robot does here. `make` alone prints the list.

.DEFAULT_GOAL := help
.PHONY: help install run test lint check fuzz-api fuzz-registry bench bench-registries bench-credentials bench-fleet bench-scans flood fuzz-index tables truth facts tour pictures docs clean

BIN := .venv/bin
# Options for the command that a target runs: make run ARGS="--port 8080", make test ARGS="-k licences".
ARGS ?=
# Processes that run the tests: one more than there are cores, since a test waits for programs and for the disk.
TEST_PROCESSES ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
ROUNDS ?= 2000

# A tree that was moved or copied has an environment that points to the old place: make it anew.
$(shell [ ! -e .venv/.here ] || [ "$$(cat .venv/.here)" = "$(CURDIR)" ] || rm -f .venv/.runtime .venv/.dev)

help: ## Show this list (the default)
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-17s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

install: .venv/.runtime ## Make the environment in .venv, with what bayplan needs to run

run: .venv/.runtime ## Serve on http://127.0.0.1:8000 (installs first; options in ARGS="--port 8080")
	@exec $(BIN)/bayplan serve $(ARGS)

# Bytecode is written also where Python is told to write none: without it each process compiles every test anew, for 7 s.
test: .venv/.dev ## Run all tests (installs what they need; options in ARGS="-k name")
	@$(BIN)/python -m compileall -q src
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n $(TEST_PROCESSES) --dist worksteal $(ARGS)

lint: .venv/.dev ## Check style and types: ruff check, ruff format --check, mypy
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy

check: lint test ## Everything that has to pass: lint, then test

fuzz-api: .venv/.dev ## Try the API with twenty times the made-up requests and filters that the tests try
	BAYPLAN_FUZZ_FACTOR=20 $(BIN)/pytest --timeout 7200 tests/robustness/test_openapi.py tests/robustness/test_filter_property.py $(ARGS)

bench: .venv/.dev ## Measure the server beside a bare one (rows in ARGS="--only load,match"); prints a table in Markdown
	@$(BIN)/python -m benchmarks $(ARGS)

bench-registries: .venv/.dev ## Measure inspections and checks of registries; prints a table in Markdown
	@$(BIN)/python -m benchmarks.registries $(ARGS)

bench-credentials: .venv/.dev ## Measure what credentials in an answer cost, on both databases; prints a table in Markdown
	@$(BIN)/python -m benchmarks.credentials $(ARGS)

bench-fleet: .venv/.dev ## Let 2,000 workers beat over PostgreSQL; prints a table in Markdown
	@ulimit -n 20000; $(BIN)/python -m benchmarks.fleet $(ARGS)

bench-scans: .venv/.dev ## Measure scans of layers, and of an image by the server, beside bare unpacking; prints tables in Markdown
	@$(BIN)/python -m benchmarks.scans $(ARGS)

flood: .venv/.dev ## Measure log-ins, reads and memory while others flood the server; prints a table (options in ARGS="--connections 2000 --only guesses")
	@$(BIN)/python -m benchmarks.flood $(ARGS)

fuzz-registry: .venv/.dev ## Read two hundred times the spoiled manifests, indexes and configurations that the tests read
	BAYPLAN_FUZZ_FACTOR=200 $(BIN)/pytest --timeout 7200 tests/registry/test_spoiled_documents.py $(ARGS)

fuzz-index: .venv/.dev ## Hold the index against the one-image judge on many random catalogues, for some ten minutes (less with ROUNDS=100)
	@BAYPLAN_FUZZ_ROUNDS=$(ROUNDS) $(BIN)/pytest -q -n auto tests/domain/compatibility/test_index.py $(ARGS)

tables: .venv/.dev ## Read the wheels of tools/tables/wheels.csv that were not read yet, and write their rows into the tables (options in ARGS="--only torch")
	@$(BIN)/python -m tools.tables $(ARGS)

truth: .venv/.dev ## Hold the judge against real reports; prints how often it is right (ARGS=--short: that alone)
	@$(BIN)/python -m benchmarks.truth $(ARGS)

facts: .venv/.dev ## Hold the reading of configurations against images whose facts are known; prints what is missed and wrong
	@$(BIN)/python -m benchmarks.facts $(ARGS)

tour: .venv/.dev ## Run the commands of README.md and docs/tour.md on fresh servers and write their real output there
	@$(BIN)/python -m tests.readme

pictures: .venv/.dev ## Open the main pages in Chromium, light and dark, and write docs/pictures
	@$(BIN)/python -m tests.web.pictures

docs: .venv/.dev ## Build docs/ as a site with search, in build/docs; no internet is needed
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	@echo "Open build/docs/index.html"

clean: ## Remove the environment and everything that tools left behind (never your data)
	rm -rf .venv build .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.runtime: pyproject.toml uv.lock scripts/install
	@scripts/install runtime

.venv/.dev: pyproject.toml uv.lock scripts/install
	@scripts/install dev
