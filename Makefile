# dupfind. `make help` lists the targets; the longer ones are scripts under tools/.

SHELL   := /bin/bash
VERSION := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION)
FUZZTIME ?= 30s
PHOTOS   ?=
export BENCH_DATA ?= ../shared
export PYTHONDONTWRITEBYTECODE := 1

# Homebrew keeps jpeg-turbo's pkg-config file out of the common folder.
ifeq ($(shell uname -s),Darwin)
export PKG_CONFIG_PATH := $(shell brew --prefix jpeg-turbo 2>/dev/null)/lib/pkgconfig:$(PKG_CONFIG_PATH)
endif

GOTEST  := go test -timeout 20m -json
TESTSUM := build/testsum

.DEFAULT_GOAL := help
.PHONY: help setup setup-servers system build demo test check py-test fuzz golden ci clean \
	bench bench-setup bench-scan bench-scan-full bench-accuracy bench-accuracy-full bench-kill \
	bench-remote bench-remote-full

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what is missing: libraries by apt or Homebrew, ONNX Runtime and the model by pip
	@tools/setup.sh

setup-servers: ## what the tests of remote servers run in: Python environments, Triton; some 1.4 GB, once
	@tools/servers.sh
	@tools/setup.sh test

system:
	@tools/setup.sh system

build: system ## bin/dupfind
	go build -trimpath -ldflags '$(LDFLAGS)' -o bin/dupfind ./cmd/dupfind

demo: setup build ## scan and report on testdata/photos, or with PHOTOS=DIR on your own folder
	@tools/demo.sh "$(PHOTOS)"

$(TESTSUM): $(wildcard tools/testsum/*.go)
	@go build -o $@ ./tools/testsum

test: setup setup-servers $(TESTSUM) ## all tests of the Go code, against real servers too
	@$(GOTEST) ./... | $(TESTSUM)

check: setup setup-servers $(TESTSUM) ## gofmt, vet, staticcheck, tests with the race detector, module file, macOS
	@tools/check.sh
	@echo "check: tests with the race detector"
	@$(GOTEST) -race ./... | $(TESTSUM)

py-test: setup setup-servers ## the Python code of the servers: ruff, mypy, pytest
	@tools/py-test.sh

fuzz: setup setup-servers ## each fuzz target for FUZZTIME (30s)
	@tools/fuzz.sh $(FUZZTIME)

golden: setup setup-servers ## rewrite what the script tests compare with; read the diff
	UPDATE_SCRIPTS=1 go test ./cmd/dupfind -run TestScript

ci: ## build, check, test, py-test, as .ci/run does
	@$(MAKE) --no-print-directory build
	@$(MAKE) --no-print-directory check
	@$(MAKE) --no-print-directory test
	@$(MAKE) --no-print-directory py-test

bench: bench-scan bench-accuracy bench-kill ## all three; each prints its figures with their bars

bench-setup: setup ## what the benchmarks need, cached: Python environments, czkawka, Triton, small programs
	@tools/bench/setup.sh

bench-scan: bench-setup build ## speed and memory of a scan
	@build/venv/bin/python tools/bench/scan.py

bench-scan-full: bench-setup build ## the same with more runs and rivals
	@build/venv/bin/python tools/bench/scan.py --full

bench-accuracy: bench-setup build ## recall, false pairs, bad input
	@build/venv/bin/python tools/bench/accuracy.py

bench-accuracy-full: bench-setup build ## the same by family of edit and threshold
	@build/venv/bin/python tools/bench/accuracy.py --full

bench-kill: bench-setup build ## kill -9, two at once, full disk
	@build/venv/bin/python tools/bench/kill.py

bench-remote: bench-setup build ## servers near and far: speed, latency, memory
	@build/venv/bin/python tools/bench/remote.py

bench-remote-full: bench-setup build ## the same over many links, by what is sent and how much is in flight
	@build/venv/bin/python tools/bench/remote.py --full

clean: ## remove bin and build
	rm -rf bin build
