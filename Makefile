# Every target does its own set-up. The program is static, because it is also what runs in the upstream's container.
export CGO_ENABLED := 0
GATEFAULT := bin/gatefault
SOURCES  := $(shell find . -name '*.go' -o -name '*.yaml' -o -name '*.tmpl' -o -name Dockerfile -o -name '*.sh' -o -name '*.php') go.mod go.sum
# Packages whose tests start gateways; they have the machine to themselves, one after the other.
HEAVY    := ./suites/gateway/... ./suites/run/... ./suites/cmd/... ./suites
LIGHT    := ./upstream/... ./scenarios/... ./docker/... ./suites/config/... ./suites/probe/... ./suites/sandbox/... ./suites/check/... ./suites/report/... ./suites/diagnose/...

.PHONY: run test test-unit test-suites images lint setup clean

run: $(GATEFAULT) ## start all gateways, inject every fault, print the judged table
	$(GATEFAULT) run

test: lint test-unit test-suites ## everything

test-unit: $(GATEFAULT) setup
	go test -timeout 10m $(LIGHT)

test-suites: $(GATEFAULT) setup
	GATEFAULT_BINARY=$(CURDIR)/$(GATEFAULT) go test -p 1 -timeout 20m $(HEAVY)

images: $(GATEFAULT) ## get or build the image of every gateway
	$(GATEFAULT) images

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

setup: ## programs that some tests want: a registry, gateways to run without containers, a validator of XML
	sh .ci/setup

clean: $(GATEFAULT) ## everything that gatefault left or made, images included
	$(GATEFAULT) sweep --all --images
	rm -rf bin

$(GATEFAULT): $(SOURCES)
	go build -trimpath -ldflags='-s -w' -o $@ ./suites/cmd/gatefault
