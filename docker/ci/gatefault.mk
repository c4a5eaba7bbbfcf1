# make: copy the targets into your Makefile, or include this file.
#
# They need gatefault.yaml in this folder (gatefault init nginx --config deploy/nginx.conf writes it), gatefault on the PATH
# (CGO_ENABLED=0 go install github.com/gatefault/gatefault/suites/cmd/gatefault@latest) and Linux with a Docker engine.
GATEFAULT ?= gatefault

.PHONY: check-gateway check-gateway-changes

check-gateway: ## break the upstream behind our gateway and judge what clients get
	$(GATEFAULT) check --require containers --junit gatefault.xml --json gatefault.json

check-gateway-changes: ## fail only on what was not there in gateway-baseline.json, a JSON report that is kept in the repository
	$(GATEFAULT) check --require containers --baseline gateway-baseline.json
