GO ?= go
ARGS ?=

.PHONY: help build test demo bench lint generate setup ci

help: ## what can be made
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /\1\t/' | expand -t 12

build: ## bin/qserve
	$(GO) build -trimpath -o bin/qserve ./cmd/qserve

test: setup ## every test, with the race detector
	$(GO) test -race -timeout 10m ./...

demo: ## a throwaway stack that pays a bill; ARGS="--once --json"
	$(GO) build -o bin/demo ./cmd/demo
	./bin/demo $(ARGS)

bench: ## the benchmark; ARGS=… are its flags
	$(GO) run ./cmd/bench $(ARGS)

lint: bin/golangci-lint ## golangci-lint, with .golangci.yml
	bin/golangci-lint run ./...

generate: ## the Go code of queries/
	$(GO) tool sqlc generate

setup: ## what tests and demo need and this machine lacks
	@scripts/setup

ci: ## all that has to pass before a change lands
	@.ci/run

# The linter has a module of its own, so that its dependencies are not the program's.
bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && $(GO) build -o ../$@ github.com/golangci/golangci-lint/v2/cmd/golangci-lint
