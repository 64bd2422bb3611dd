# Every target is one thing a person wants. "make" lists them.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD = CGO_ENABLED=0 go build -trimpath -ldflags "-X main.version=$(VERSION)"
FUZZ_TIME ?= 20000x

# The suites that run on every broker with every database. What they run is seen by
# the race detector in the other tests, one by one.
COMBINATIONS = ^(TestEverywhere|TestStoresShareABrokerAndNothingElse)$$

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 20

.PHONY: build
build: ## build bin/millrace
	@mkdir -p bin
	@$(BUILD) -o bin/millrace ./cmd/millrace

.PHONY: run
run: build ## start Millrace on the embedded default: one process, one SQLite file, no servers
	@exec bin/millrace serve

.PHONY: up
up: ## start a process per role with MySQL and RabbitMQ, in Docker, and wait until they are ready
	@VERSION=$(VERSION) scripts/compose.sh up

.PHONY: down
down: ## stop what "make up" has started; the data is kept
	@VERSION=$(VERSION) scripts/compose.sh down

.PHONY: demo
demo: build ## walk a first order by curl, on the service that runs or on one of its own
	@examples/with-millrace.sh examples/place-and-pay.sh

.PHONY: test
test: tools verify lint fuzz race ## everything that has to be green; what CI runs

.PHONY: race
race: ## all tests, with the race detector where it sees the code at work; starts the servers they need
	@scripts/with-servers.sh go test -timeout 40m ./cmd/millrace/crashtest
	@scripts/with-servers.sh go test -timeout 40m ./cmd/millrace/faulttest
	@scripts/with-servers.sh go test -timeout 40m ./cmd/millrace/sagatest
	@scripts/with-servers.sh go test -timeout 40m -run '$(COMBINATIONS)' ./cmd/millrace
	@scripts/with-servers.sh go test -race -timeout 60m -skip '$(COMBINATIONS)' $$(go list ./... | grep -v -e /crashtest -e /faulttest -e /sagatest)

.PHONY: faults
faults: ## break servers and processes under load, and print what was lost; a quarter of an hour
	@MILLRACE_FAULTS=full scripts/with-servers.sh go test -count=1 -v -timeout 30m ./cmd/millrace/faulttest
	@MILLRACE_FAULTS=full scripts/with-servers.sh go test -count=1 -v -timeout 30m -run TestManyCheckouts ./cmd/millrace/sagatest

.PHONY: fuzz
fuzz: ## every fuzz test for FUZZ_TIME: 20000x, which is so many inputs, or a time such as 1m
	@scripts/fuzz.sh $(FUZZ_TIME)

.PHONY: lint
lint: ## go vet and staticcheck; the import rules are a test
	go vet ./...
	go vet -tags crashpoints ./...
	go run honnef.co/go/tools/cmd/staticcheck@v0.8.0 ./...

.PHONY: generate
generate: ## write the server and the client from api/openapi.yaml
	go generate ./...

.PHONY: verify
verify: ## see that generated code, formatting and go.mod are up to date
	@scripts/verify.sh

.PHONY: bench
bench: build ## measure throughput and latency beside the raw rates of this machine; STORE=… BROKER=… for one combination
	@go build -o bin/millrace-bench ./cmd/millrace-bench
	@go build -o bin/millrace-textbook ./cmd/millrace-bench/textbook
	@scripts/bench.sh '$(STORE)' '$(BROKER)'

.PHONY: tools
tools: ## install what the tests need and Go does not bring: a C compiler and curl
	@scripts/tools.sh
