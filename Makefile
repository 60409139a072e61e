# Every target does its own set-up: on a machine with Go, a C compiler and Python
# `make test` is all there is to do.

PYTHON   ?= python3
PKG      ?= ./...
TESTS    ?= .
PYTESTS  ?= tests/python
FUZZTIME ?= 10s
TIMEOUT  ?= 5m
# What the shared library is built with, so that the tests test what is shipped.
TAGS     ?= pebblegozstd
NODES    ?= 1000
RECORDS  ?= 1000
SEEDS    ?= 1000

VENV    := .venv
BIN     := $(VENV)/bin
LIBRARY := python/rapprochement/librapprochement.so
BACKEND := python/build_backend/backend.py
GO_DIRS := capi codec engine tests

.DEFAULT_GOAL := help
.PHONY: help venv lib demo test check gotest pytest race fuzz bench bench-reconcile bench-peers scale determinism soak \
	wheel sdist symbols generate verify clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-15s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  PKG=$(PKG) TESTS=$(TESTS) choose Go packages and tests, PYTESTS=$(PYTESTS) Python's,"
	@echo "  FUZZTIME=$(FUZZTIME) is the time for each fuzz target, TIMEOUT=$(TIMEOUT) for each package,"
	@echo "  PYTHON=$(PYTHON) makes the environment, NODES=$(NODES) RECORDS=$(RECORDS) is the size of scale,"
	@echo "  SEEDS=$(SEEDS) how many seeds determinism compares (soak: 100 unless given)"

venv: $(VENV)/.ready ## make .venv with the package (editable), its dependencies and the test tools

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

lib: ## build the shared library into the source tree
	@$(PYTHON) $(BACKEND) $(dir $(LIBRARY))

demo: venv lib ## peers in 222 cities, loss, a partition: table and pictures in out/demo, run twice
	$(BIN)/python -m rapprochement demo --twice --out out/demo

test: check gotest symbols pytest ## everything: format, vet, rounding, Go tests, symbols, wheel in an empty venv, Python tests

check: ## gofmt, go vet, and no product that arm64 would fuse with a sum
	@unformatted=$$(gofmt -l $(GO_DIRS)); test -z "$$unformatted" || \
		{ echo "gofmt would change:"; echo "$$unformatted"; exit 1; }
	go vet -tags '$(TAGS)' ./...
	tests/determinism/fused.sh

gotest: lib ## the Go tests
	RAP_LIBRARY=$(abspath $(LIBRARY)) go test -tags '$(TAGS)' -timeout $(TIMEOUT) -run '$(TESTS)' $(PKG)

pytest: venv lib ## the Python tests, those of the wheel included
	$(BIN)/python -m pytest -q $(PYTESTS)

race: lib ## the Go tests with the race detector
	RAP_LIBRARY=$(abspath $(LIBRARY)) go test -race -tags '$(TAGS)' -timeout $(TIMEOUT) -run '$(TESTS)' $(PKG)

fuzz: ## every fuzz target for FUZZTIME
	@for package in $$(go list $(PKG)); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -tags '$(TAGS)' -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

bench: venv lib ## measure every figure: Go's, then Python's
	go run ./tests/bench bench
	$(BIN)/python -m rapprochement._bench

bench-reconcile: ## measure the reconcilers
	go run ./tests/bench reconcile

bench-peers: venv lib ## measure ranking peers and choosing them; DATA is the folder of the data sets
	go run ./tests/bench peers $(if $(DATA),-data '$(DATA)')
	$(BIN)/python -m rapprochement._bench_peers

scale: ## let a mesh of NODES nodes converge on RECORDS records; report time and memory
	go run ./tests/bench scale -nodes $(NODES) -records $(RECORDS)

determinism: venv lib ## compare audit hashes: SEEDS seeds, cores, builds, stores, emulated arm64, drivers
	@mkdir -p out/determinism
	go build -race -o out/determinism/bench-race ./tests/bench
	go build -o out/determinism/bench ./tests/bench
	out/determinism/bench determinism -seeds $(SEEDS) -race out/determinism/bench-race
	tests/determinism/emulated.sh 5 out/determinism
	$(BIN)/python tests/determinism/drivers.py out/determinism/bench $(SEEDS)

soak: SEEDS = 100
soak: venv lib ## SEEDS random worlds and seeds of scenarios with faults: what has to hold of every run
	go run ./tests/bench soak -seeds $(SEEDS)
	$(BIN)/python -m rapprochement sweep partition churn weibull clocks members narrow \
		--seeds 1-$(SEEDS) --no-cache --csv out/soak.csv

wheel: ## build a wheel for this platform into dist/
	$(PYTHON) -m pip wheel --quiet --no-deps --wheel-dir dist .

sdist: ## pack the sources with their modules into dist/
	@mkdir -p dist
	@cd dist && PYTHONPATH=../$(dir $(BACKEND)) PYTHONDONTWRITEBYTECODE=1 \
		$(PYTHON) -c 'import backend; print("dist/" + backend.build_sdist("."))'

symbols: lib ## fail if the library shows other names than the header's; print the glibc it needs
	@nm -D --defined-only $(LIBRARY) | awk '{ print $$NF }' | LC_ALL=C sort > $(LIBRARY).names.tmp
	@grep -oE '^(int32_t|const char \*) ?rap_[a-z_]+\(' capi/rapprochement.h | grep -oE 'rap_[a-z_]+' \
		| LC_ALL=C sort | diff - $(LIBRARY).names.tmp; status=$$?; rm -f $(LIBRARY).names.tmp; \
		test $$status -eq 0 || { echo "the symbols of $(LIBRARY) are not those of the header"; exit 1; }
	@echo "glibc floor: $$(grep -aoE 'GLIBC_[0-9]+\.[0-9]+' $(LIBRARY) | LC_ALL=C sort -V | tail -1)"

generate: ## run the generators
	go generate ./...

verify: check ## fail if generated files are stale or go.mod is not tidy
	@before=$$(git status --porcelain | sort; git diff | cksum); go generate ./...; \
		after=$$(git status --porcelain | sort; git diff | cksum); \
		test "$$before" = "$$after" || { echo "generated files were stale:"; git status --short; exit 1; }
	go mod tidy -diff
	go mod verify

clean: ## remove what the other targets made
	rm -rf $(VENV) build dist out .pytest_cache $(LIBRARY)
	find python tests -name __pycache__ -type d -prune -exec rm -rf {} +
