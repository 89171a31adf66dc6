#!/usr/bin/env bash
# Every test, cheapest first. The last line counts them.
set -euo pipefail
cd "$(dirname "$0")/.."
# The program is built so (Makefile); what is vetted and tested as well is compiled once.
export GOFLAGS="${GOFLAGS:-} -buildvcs=false -trimpath" CGO_ENABLED=0
staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2

step() { printf '\n== %s\n' "$*"; }
work=$(mktemp -d)
trap 'kill $(jobs -p) 2>/dev/null || true; rm -rf "$work"' EXIT

step what the tests need
. scripts/need.sh

step format, modules, vet, staticcheck
unformatted=$(gofmt -l cmd internal web/demo/*.go)
if [ -n "$unformatted" ]; then
  echo "gofmt would change:" "$unformatted" >&2
  exit 1
fi
go mod tidy -diff
go vet ./...
# As for the race detector, so that it does not read the AWS Encryption SDK.
go run "$staticcheck" -tags race ./...

step the demo\'s bundle is what its source builds
(cd web/demo && npm run --silent check && npm run --silent verify)

step the example builds
(cd examples/amplify-v5 && npm run --silent build -- --outDir "$work/amplify-v5" --emptyOutDir --logLevel warn)

touch "$work/go" "$work/cdk" "$work/e2e"
failed=0
step what deploys bellhop-lambda on AWS
(cd deploy/lambda/cdk && npm run --silent build && node --test \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$work/cdk" dist/test/*.test.js) || failed=1

step go test -race
# The longest first, or the last of them would run alone; three at a time, since some
# wait most of theirs. SQLite is C that was turned into Go: to look for races and bad
# pointers in it costs most of all time, and is its makers' work. That two goroutines
# use one connection shows in the library that it allocates by. All is vetted already.
CGO_ENABLED=1 go test -race -gcflags='modernc.org/...=-d=checkptr=0' -gcflags='modernc.org/sqlite/lib=-race=false' -vet=off -p 3 -timeout 14m -skip 'TestSimulation_SameSeed|TestSimulation_AProviderInTrouble' -json ./internal/userpool ./internal/cognito ./... | node scripts/gotest.mjs "$work/go" || failed=1

step real clients against the real binary, and what the race detector would make too slow
# Beside each other, since clients wait most of their time.
slow() {
  local bad=0
  go test -vet=off -run 'AHundredThousandUsers|Simulation|TestExistence_ShowsInNoPublicAnswer' \
    ./internal/sqlstore ./internal/simulation ./internal/cognito ./internal/sms/routes || bad=1
  go test -vet=off ./internal/trigger/kms || bad=1 # nor is the SDK that judges it compiled for that
  return "$bad"
}
slow >"$work/slow" 2>&1 &
beside=$!
go build -tags grpcnotrace -trimpath -o "$work/bellhop" ./cmd/bellhop
(cd e2e && BELLHOP_BIN=$work/bellhop node --test --test-concurrency=1 \
  --test-reporter=spec --test-reporter-destination=stdout \
  --test-reporter=tap --test-reporter-destination="$work/e2e" *.test.mjs) || failed=1
wait "$beside" || failed=1
printf '\n'
cat "$work/slow"

count() { awk -v key="$1" '$1 == "#" && $2 == key { n += $3 } END { print n + 0 }' "$work/go" "$work/cdk" "$work/e2e"; }
printf '\n%d passed, %d failed\n' "$(count pass)" "$(count fail)"
exit "$failed"
