# `make help` lists every target. The same commands run locally and in CI.
VENV ?= .venv
BIN := $(VENV)/bin
STATE ?= .forebay
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo cluster cluster-down cluster-demo images e2e servers servers-down conformance test-servers test verify fix generate chart lock bench-recommendation bench-ingest bench-stores soak nightly clean

help: ## this list
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):.*## (.*)/  \1\t\2/' | expand -t 26

setup: $(VENV)/.ready ## .venv/ with everything a developer needs, `forebay` on its path

$(VENV)/.ready: requirements/dev.txt operator/pyproject.toml workloads/pyproject.toml scripts/setup.sh scripts/install_torch.sh
	@VENV=$(VENV) bash scripts/setup.sh
	@touch $@

demo: setup ## MovieLens from a file to a served model on this machine, no cluster
	@bash scripts/demo.sh $(STATE)

cluster-demo: images ## the same on the cluster of `make cluster`: Helm, kubectl apply, a prediction through the Service
	@bash scripts/cluster-demo.sh

images: setup ## operator, train and serve images by docker, podman or buildah; their sizes; loaded into a running cluster
	@python -m harness.images $(IMAGES)

cluster: setup ## a Kubernetes cluster of this machine: kind where Docker is, else bare (Linux, root)
	@python -m harness.cluster up

cluster-down: setup ## ends that cluster and removes what it left
	@python -m harness.cluster down

e2e: cluster images ## every test that needs a real cluster
	@bash scripts/e2e.sh

servers: setup ## real stores and brokers on this machine, or SERVERS="kafka …"; prints how to reach them
	@python -m harness.servers up $(SERVERS)

servers-down: setup ## ends them and removes their data
	@python -m harness.servers down $(SERVERS)

conformance: setup ## STORE=kafka: what every adapter must do, tried on that server
	@bash scripts/conformance.sh "$(STORE)"

test-servers: setup ## every test that needs stores and brokers, on servers of its own (or yours)
	@bash scripts/test-servers.sh

test: setup ## every test that needs no cluster, with coverage of the pure parts
	@bash scripts/test.sh

verify: setup ## format, lint, types, layers, generated files, spelling, sizes
	@bash scripts/verify.sh

fix: setup ## what a tool can mend by itself
	ruff check --fix -q . ; ruff format -q .
	$(MAKE) generate

generate: setup ## CRDs, the chart's copies, the reference docs and Argo CD's test data, from the code
	python -m forebay.api.crdgen
	python -m forebay.cli.docs
	python -m tests.component.gitops.files
	python scripts/chart_docs.py

chart: setup ## what Helm makes of the chart, into tests/chart/rendered/, after a change of a template
	python scripts/chart_render.py

lock: setup ## hashed requirement locks, after a change of a pyproject
	bash scripts/lock.sh

bench-recommendation: setup ## RMSE on MovieLens-100k, three seeds, and its time
	python benchmarks/recommendation/run.py

bench-ingest: setup ## good records per second of an ingest, with and without poison
	python benchmarks/ingest/run.py

bench-stores: setup ## STORE=cassandra, ROUNDS=5: client CPU and rates beside the vendor's own fastest paths
	@bash benchmarks/stores/bench.sh "$(STORE)" "$(or $(ROUNDS),5)"

soak: setup ## 200 kills of consumers, brokers and stores at random moments; KILLS=30 for fewer
	FOREBAY_TEST_CYCLES=$(or $(KILLS),200) pytest -q -s tests/functional/test_ingest_kill.py tests/servers/test_ingest_kill.py

nightly: setup ## what is too long for every change
	pytest -q -m nightly tests

clean: ## the environment and all local state
	rm -rf $(VENV) .forebay .coverage* .mypy_cache .ruff_cache
