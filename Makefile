# Every target does its own set-up. The program is static, because it is also what runs in the upstream's container.
export CGO_ENABLED := 0
GATEFAULT := bin/gatefault
SOURCES  := $(shell find . -name '*.go' -o -name '*.yaml' -o -name '*.tmpl' -o -name Dockerfile -o -name '*.sh' -o -name '*.php' -o -path './suites/*.js' -o -path './suites/*.css' -o -path './suites/*.html') go.mod go.sum
# Packages whose tests start gateways; they have the machine to themselves, one after the other.
HEAVY    := ./suites/gateway/... ./suites/run/... ./suites/drill/... ./suites/lab/... ./suites/cmd/... ./suites
LIGHT    := ./upstream/... ./scenarios/... ./docker/... ./suites/config/... ./suites/probe/... ./suites/sandbox/... ./suites/check/... ./suites/picture/... ./suites/look/... ./suites/report/... ./suites/alert/... ./suites/outside/... ./suites/runbook/... ./suites/diagnose/... ./suites/bench/...

.PHONY: run lab test test-unit test-suites bench images screenshots lint setup clean

run: $(GATEFAULT) ## start all gateways, inject every fault, print the judged table
	$(GATEFAULT) run

lab: $(GATEFAULT) ## start all gateways and a page on which to break the upstream
	$(GATEFAULT) lab

test: lint test-unit test-suites ## everything

test-unit: $(GATEFAULT) setup
	go test -timeout 10m $(LIGHT)

test-suites: $(GATEFAULT) setup
	GATEFAULT_BINARY=$(CURDIR)/$(GATEFAULT) go test -p 1 -timeout 20m $(HEAVY)

bench: $(GATEFAULT) ## measure all, beside nginx and others, and write the table into README.md; BENCH='-rows answers' measures one row
	sh .ci/setup wrk:wrk nginx:nginx
	cd suites/bench/peers && go build -o $(CURDIR)/bin/bench/ . github.com/mccutchen/go-httpbin/v2/cmd/go-httpbin
	cd suites/bench/peers && go build -o $(CURDIR)/bin/bench/toxiproxy github.com/Shopify/toxiproxy/v2/cmd/server
	go run ./suites/bench -readme README.md $(BENCH)

images: $(GATEFAULT) ## get or build the image of every gateway
	$(GATEFAULT) images

screenshots: $(GATEFAULT) setup ## the README's pictures, from a run of all gateways
	$(GATEFAULT) run --json bin/screenshots.json || test $$? != 2 # a picture shows cells as they are
	go test ./suites/report -run TestScreenshots -screenshots $(CURDIR)/bin/screenshots.json
	GATEFAULT_BINARY=$(CURDIR)/$(GATEFAULT) go test ./suites/lab -run TestScreenshots -screenshots

lint:
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these files"; exit 1; }
	go vet ./...
	go tool staticcheck ./...

setup: ## programs that some tests want: a registry, gateways to run without containers, a validator of XML, a browser
	sh .ci/setup

clean: $(GATEFAULT) ## everything that gatefault left or made, images included
	$(GATEFAULT) sweep --all --images
	rm -rf bin

$(GATEFAULT): $(SOURCES)
	go build -trimpath -ldflags='-s -w' -o $@ ./suites/cmd/gatefault
