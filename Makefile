# What a person types. The work is in scripts/, so that it can be read and run
# without make.

.PHONY: test soak figures bench build build-static lambda demo screenshots vuln clean

test: ## every test; installs what is missing
	@scripts/test.sh

# These restore files, or count what a server on PostgreSQL holds in advance, or how often
# a function ran that runs again after a conflict.
sqlite_only = TestRestore_|TestGuard_UsedAndUnsentTexts|TestStepUp_OfTwoContacts|TestStepUp_AProofThatIsNone|TestRun_ManyServers

soak: ## hundreds of kills and races, dozens of fail-overs, full disks, overload, the pre-hijack matrix whole, providers that fail in every way, thousands of plans and seeds, a million requests of every kind, the guard against every attack, each fuzz target for FUZZTIME (30s); some hours
	SOAK=1 go test -count=1 -timeout 4h -v -run 'Kill|Failover|CommitInDoubt|Nodes|DiskFull|Exhausted|Sender|PreHijack|Property|Overload|SlowClients|Simulation|Delivery|Crowd' ./internal/endtoend ./internal/userpool ./internal/simulation ./internal/cognito
	SOAK=1 go test -count=1 -timeout 4h -v -run WorstSeed ./internal/guard/rehearse
	BELLHOP_TEST_DATABASE=postgres go test -count=1 -timeout 1h -skip '$(sqlite_only)' ./internal/userpool
	@scripts/fuzz.sh

figures: ## what each flow costs here, beside attacks, large directories and several nodes, into docs/figures
	@scripts/figures.sh

bench: ## what each flow costs here, with the server in another process; QUICK=1 for half a minute, ARGS for flags
	@go run ./cmd/bellhop-bench $(if $(QUICK),--quick) $(ARGS)

# grpcnotrace: gRPC, of which OTLP's exporter brings the types, would else bring pages of
# HTML with it, for whose templates the linker keeps every method of every type.
build: ## bin/bellhop, one binary for Linux with glibc; signs by the system's OpenSSL 3 where it is there
	CGO_ENABLED=0 go build -tags grpcnotrace -trimpath -ldflags='-s -w' -o bin/bellhop ./cmd/bellhop

build-static: ## bin/bellhop, one binary that needs nothing of the system; signs in Go
	CGO_ENABLED=0 go build -tags grpcnotrace,static -trimpath -ldflags='-s -w' -o bin/bellhop ./cmd/bellhop

lambda: ## bin/bellhop-lambda-arm64.zip and -amd64.zip, for AWS Lambda's provided.al2023
	@mkdir -p bin
	@for arch in arm64 amd64; do \
	  CGO_ENABLED=0 GOOS=linux GOARCH=$$arch go build -buildvcs=false -tags lambda.norpc -trimpath -ldflags='-s -w -buildid=' -o bin/bootstrap ./cmd/bellhop-lambda && \
	  go run scripts/lambda-zip.go bin/bootstrap bin/bellhop-lambda-$$arch.zip && rm bin/bootstrap || exit 1; \
	done

demo: ## the server, a small app and a phone on one page
	go run ./cmd/bellhop demo

screenshots: ## pictures of the demo, into docs/screenshots
	@scripts/screenshots.sh

vuln: ## known vulnerabilities of what we depend on; needs the network
	go run golang.org/x/vuln/cmd/govulncheck@v1.9.0 ./...

clean:
	rm -rf bin
