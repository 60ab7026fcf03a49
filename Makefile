# Every target makes what it needs; `make` alone prints this list.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
ENV ?=
SETTINGS ?= settings$(if $(ENV),-$(ENV)).toml
OUTPUT ?= rendered$(if $(ENV),-$(ENV))
ENVIRONMENTS := $(patsubst settings-%.toml,%,$(wildcard settings-*.toml))
TESTS ?=
FLAGS ?=
BENCH ?=
SOAK ?=
MUTANTS ?=
MODEL ?=
PLATFORM ?=
ARGO ?=
EXTRAS ?=
SBOM ?= dist/agent-cancellation$(if $(EXTRAS),-$(EXTRAS)).cdx.json
# With an older Argo, what depends on it most.
E2E := $(if $(ARGO),$(addprefix tests/e2e/test_,push.py killed.py reconcile.py ended.py),tests/e2e)
export ARGO
KUBERNETES ?=
export KUBERNETES

.DEFAULT_GOAL := help

.PHONY: help
help: ## print this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.made: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

.PHONY: setup
setup: $(VENV)/.made ## make the virtual environment

.PHONY: render
render: $(VENV)/.made ## write rendered/ from settings.toml, and docs/settings.md (ENV=staging: rendered-staging/ from settings-staging.toml)
	$(BIN)/agent-cancellation render --settings $(SETTINGS) --output $(OUTPUT)
	$(BIN)/python -m pipelines.settings_docs

.PHONY: check
check: $(VENV)/.made ## lint, format, types, import contracts, and rendered/ up to date
	$(BIN)/ruff check --quiet
	$(BIN)/ruff format --quiet --check
	$(BIN)/mypy --no-error-summary
	$(BIN)/lint-imports
	$(BIN)/agent-cancellation render --settings $(SETTINGS) --output $(OUTPUT) --check
	@for name in $(ENVIRONMENTS); do \
	    $(BIN)/agent-cancellation render --settings settings-$$name.toml --output rendered-$$name --check || exit 1; \
	done

.PHONY: test
test: $(VENV)/.made ## run every test that needs no cluster (the first run builds a Kubernetes API server: about 7 minutes; KUBERNETES=1.37.2: that release of it)
	$(BIN)/python -m tests.schemas
	$(BIN)/python -m tests.integration.prometheus
	$(BIN)/python -m tests.integration.control_plane.binaries
	$(BIN)/pytest $(TESTS)

.PHONY: soak
soak: $(VENV)/.made ## run 10,000 simulated stories, half an hour (SOAK="--stories N --from SEED --trace"; PLATFORM=cluster: sustained load, as root)
	$(BIN)/python -m tests.$(if $(filter cluster,$(PLATFORM)),e2e.support.sustained,simulation) $(SOAK)

$(VENV)/.mutants: $(VENV)/.made
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,mutants]'
	@touch $@

.PHONY: mutants
mutants: $(VENV)/.mutants ## put small bugs into the decision code; fail if one goes unnoticed (MUTANTS="lease.task_lease pull_request.labels", --changed, --write, --parallel N)
	$(BIN)/python -m tests.tools.mutation $(MUTANTS)

.PHONY: cluster-up
cluster-up: $(VENV)/.made ## start a real cluster on this machine, as root (the first run builds it: about 15 minutes; FLAGS=--fast)
	$(BIN)/python -m tests.e2e.provision up $(FLAGS)

.PHONY: cluster-down
cluster-down: $(VENV)/.made ## stop the real cluster; only caches stay
	$(BIN)/python -m tests.e2e.provision down

.PHONY: cluster-status
cluster-status: $(VENV)/.made ## print which parts of the real cluster run
	$(BIN)/python -m tests.e2e.provision status

.PHONY: e2e
e2e: $(VENV)/.made ## run the end-to-end tests in the real cluster, and start it first if needed (FLAGS=--existing: in the cluster of KUBECONFIG; ARGO=3.7.14: the core of them with that release of Argo)
	$(BIN)/pytest --capture=no $(E2E) --ignore=tests/e2e/provision/tests $(FLAGS)

.PHONY: demo
demo: $(VENV)/.made ## play one push without a cluster (PLATFORM=cluster: in a real cluster with real pods, as root)
	$(BIN)/python -m tests.tools.demo $(if $(filter cluster,$(PLATFORM)),--cluster)

.PHONY: bench
bench: $(VENV)/.made ## measure start-up, calls, time (BENCH=--quick, --write, --json FILE; PLATFORM=cluster: the whole chain, as root)
	$(BIN)/python -m tests.integration.control_plane.binaries
	$(BIN)/python -m tests.tools.bench $(if $(filter cluster,$(PLATFORM)),--cluster) $(BENCH)

.PHONY: model
model: $(VENV)/.made ## simulate bursts of up to 10,000 pushes a minute, two minutes (MODEL=--quick, --write, --json FILE)
	$(BIN)/python -m tests.tools.model $(MODEL)

.PHONY: captures
captures: $(VENV)/.made ## take the pictures of docs/terminal.md in a real cluster, as root
	$(BIN)/python -m tests.tools.captures

$(VENV)/sbom/.made: $(VENV)/.made
	$(PYTHON) -m venv $(VENV)/sbom
	$(VENV)/sbom/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[sbom]'
	@touch $@

.PHONY: image
image: $(VENV)/sbom/.made ## build the steps' image, and its SBOM in dist/ (IMAGE=NAME:TAG, BASE_IMAGE=..., EXTRAS=tracing, SBOM=FILE, with docker, podman or buildah)
	PYTHON=$(VENV)/sbom/bin/python SBOM=$(SBOM) ./steps/build-image.sh

.PHONY: sbom
sbom: $(VENV)/sbom/.made ## write the SBOM of the steps' image from its lock file, without building an image (EXTRAS=tracing, SBOM=FILE)
	SOURCE_DATE_EPOCH=$${SOURCE_DATE_EPOCH:-$$(git log -1 --format=%ct 2>/dev/null || echo 0)} \
	    $(VENV)/sbom/bin/python -m pipelines.sbom --extras "$(EXTRAS)" --output $(SBOM)

.PHONY: lock
lock: $(VENV)/.made ## write the lock files of the image, steps/requirements*.txt, from pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev,lock]'
	BIN=$(BIN) ./steps/lock.sh

.PHONY: dist
dist: $(VENV)/.made ## build the wheel and the sdist into dist/; equal sources give equal bytes
	$(BIN)/python -m build --no-isolation --outdir dist

.PHONY: clean
clean: ## remove generated files and the virtual environment (not the cached binaries)
	rm -rf $(VENV) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache *.egg-info
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
