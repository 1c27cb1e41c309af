# The two commands of the README are `make demo` and `make test`.

ENVOY_VERSION ?= 1.40.0
ENVOY_VERSIONS ?= 1.36.4 1.37.0 1.38.3 1.39.3 1.40.0
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null)
GOLANGCI_LINT ?= github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0
GOVULNCHECK ?= golang.org/x/vuln/cmd/govulncheck@v1.9.0
# Without gRPC's own pages of what it does, which nobody is shown here: they bring in
# html/template, and that keeps a quarter more in the binary than it needs.
TAGS ?= grpcnotrace
export ENVOY_VERSION

.PHONY: build demo test bench test-envoys parity parity-update sdk-update fuzz lint vulncheck clean

## build: the static binary, bin/clerkgate
build:
	CGO_ENABLED=0 go build -tags $(TAGS) -trimpath -ldflags "-s -w -X main.version=$(VERSION)" -o bin/clerkgate ./cmd/clerkgate

## demo: everything at work, without a Clerk account; DEMO_ONCE=1 checks and exits
demo: build
	@ENVOY_BIN="$${ENVOY_BIN:-$$(.ci/fetch-envoy $(ENVOY_VERSION))}" && export ENVOY_BIN && \
	exec bin/clerkgate demo $$( [ -n "$$DEMO_ONCE" ] && echo --once )

## test: unit, race, script and fuzz-seed tests, and end to end through a real Envoy
test:
	@.ci/test

## test-envoys: the end-to-end suite against each supported Envoy
test-envoys:
	@set -e; for v in $(ENVOY_VERSIONS); do \
		.ci/fetch-envoy $$v >/dev/null; \
		echo "Envoy $$v"; \
		CLERKGATE_REQUIRE_ENVOY=1 ENVOY_VERSION=$$v go test -race -count=1 -timeout 9m ./internal/envoytest/... ./internal/e2e/...; \
	done

## bench: what a check costs, into internal/bench/RESULTS.md; BENCH=Hit is one of them, in BENCH_TIME rounds
BENCH ?= .
BENCH_TIME ?= 9x
bench: build
	-@.ci/fetch-envoy $(ENVOY_VERSION) >/dev/null
	-@.ci/fetch-sdk >/dev/null
	@CLERKGATE_BENCH_BINARY=$(CURDIR)/bin/clerkgate CLERKGATE_BENCH_REPORT=$(CURDIR)/internal/bench/RESULTS.md \
	go test -tags $(TAGS) ./internal/bench -run '^$$' -bench '$(BENCH)' -benchtime $(BENCH_TIME) -timeout 30m

## parity: PARITY_CASES new requests, decided by Clerk's official SDK and by us
PARITY_CASES ?= 100000
parity:
	@.ci/fetch-sdk
	CLERKGATE_REQUIRE_SDK=1 PARITY_CASES=$(PARITY_CASES) go test ./internal/parity -run Fresh -count=1 -timeout 60m -v

## parity-update: ask the SDK again for the stored answers, those about path patterns included
parity-update:
	@.ci/fetch-sdk
	CLERKGATE_REQUIRE_SDK=1 go test ./internal/parity -run Stored -count=1 -update

## sdk-update: move the official SDK to SDK_VERSION, and ask it for the stored answers
sdk-update:
	@test -n "$(SDK_VERSION)" || { echo "say which: make sdk-update SDK_VERSION=3.25.0" >&2; exit 1; }
	cd internal/parity/sdk && npm install --save-exact --ignore-scripts --no-audit --no-fund @clerk/backend@$(SDK_VERSION)
	@$(MAKE) parity-update

## fuzz: each fuzz target for FUZZTIME
FUZZTIME ?= 30s
fuzz:
	@set -e; for p in $$(go list ./...); do \
		for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz' || true); do \
			echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) $$p; \
		done; \
	done

## lint: golangci-lint with .golangci.yml
lint:
	go run $(GOLANGCI_LINT) run ./...

## vulncheck: known vulnerabilities in what the code calls
vulncheck:
	go run $(GOVULNCHECK) ./...

clean:
	rm -rf bin .envoy internal/parity/sdk/node_modules
