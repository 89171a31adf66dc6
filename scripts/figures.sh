#!/usr/bin/env bash
# What each flow and a start cost on this machine, on SQLite and on PostgreSQL, how long
# it takes to answer about names that have a user and that have none, what a trigger adds
# by where its function runs, what attacks cost and whom they hurt, what people get while
# a provider is in trouble, what large directories cost, and what several nodes do, with
# the commit that was measured.
# The figures of one run belong together; compare runs with care.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p docs/figures
out=$(mktemp -d) # until all is measured: a changed file would be said to be a change
trap 'rm -rf "$out"' EXIT

# about says by what and on what something is measured.
about() {
  echo "Made by: make figures ($1)"
  echo "Commit:  $(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo ' with changes')"
  echo "Date:    $(date -u +%Y-%m-%d)"
  echo "Machine: $(nproc) CPUs, $(awk -F': ' '/model name/{print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/{printf "%d GiB", $2/1048576+0.5}' /proc/meminfo), $(go env GOVERSION)"
  make --silent build
  echo "Binary:  $(stat -c %s bin/bellhop | awk '{printf "%.1f MiB", $1/1048576}')"
  echo
}

# measure runs the benchmarks of a pattern, each so long, and says on what.
measure() {
  about "go test -bench $1 -benchtime $2 ./internal/endtoend"
  go test -run '^$' -bench "$1" -benchtime "$2" -timeout 10m ./internal/endtoend | grep '^Benchmark'
}

# Each flow under each load, from another process: docs/benchmarks.md.
about 'make bench' >"$out/bench.txt"
go run ./cmd/bellhop-bench --bellhop bin/bellhop --json "$out/bench.json" --svg "$out/bench.svg" >>"$out/bench.txt"
measure Existence 300x >"$out/existence.txt"
measure TriggerCall 300x >"$out/triggers.txt"
# The worst of twenty seeds; the same on every machine. make soak plays every scenario.
scenarios=quiet,fresh,S6,S8,S8+S2,S9,S1,S2,S4,S5-10,S5-30,S5-warm,S10,S11,S3-0.05,S3-0.5,S3m,shop,shop-S2,fresh-S2,fresh-S4,S4-paid,S5-30-paid,S3-0.5-paid
simulate=(bin/bellhop guard simulate --seeds 20 --warm-up 1 --scenario "$scenarios")
about "${simulate[*]}" >"$out/guard.txt"
"${simulate[@]}" --chart "$out/guard.svg" >>"$out/guard.txt"
about 'go test -bench Replay -benchtime 3x ./internal/guard/rehearse; go test -bench . ./internal/guard' >"$out/guard-speed.txt"
go test -run '^$' -bench Replay -benchtime 3x ./internal/guard/rehearse | grep '^Benchmark' >>"$out/guard-speed.txt"
go test -run '^$' -bench . ./internal/guard | grep '^Benchmark' >>"$out/guard-speed.txt"
# Providers in trouble, in virtual time: the worst of twenty runs.
routing=(go test ./internal/sms/routes -count=1 -run TestSimulation -v -seeds 20)
about "${routing[*]}" >"$out/routing.txt"
"${routing[@]}" | grep '^ *|' | sed 's/^ *//' >>"$out/routing.txt"
# Two and three nodes beside what the model of docs/scaling.md foretells from one.
scaling=(go test ./internal/endtoend -count=1 -run TestScalingFigures -v -scaling 1500)
about "${scaling[*]}" >"$out/scaling.txt"
"${scaling[@]}" | grep -o '|.*|$' >>"$out/scaling.txt"
# What ten million users cost beside ten thousand: DIRECTORY=10000000 make figures takes
# an hour more and 25 GB of TMPDIR meanwhile.
directory=(go test ./internal/endtoend -count=1 -timeout 4h -run TestDirectoryFigures -v -directory "${DIRECTORY:-100000}")
about "${directory[*]}" >"$out/directory.txt"
"${directory[@]}" | grep -o '|.*|$' >>"$out/directory.txt"
cp "$out"/*.txt "$out"/*.svg "$out"/*.json docs/figures/
cat docs/figures/bench.txt docs/figures/existence.txt docs/figures/triggers.txt docs/figures/guard.txt docs/figures/guard-speed.txt docs/figures/routing.txt docs/figures/scaling.txt docs/figures/directory.txt
