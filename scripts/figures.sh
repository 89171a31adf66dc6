#!/usr/bin/env bash
# What a sign-in and a start cost on this machine, with the commit that was
# measured. The figures of one run belong together; compare runs with care.
set -euo pipefail
cd "$(dirname "$0")/.."
mkdir -p docs/figures
out=$(mktemp)
trap 'rm -f "$out"' EXIT
{
  echo "Made by: make figures"
  echo "Commit:  $(git rev-parse --short HEAD)$(git diff --quiet HEAD || echo ' with changes')"
  echo "Date:    $(date -u +%Y-%m-%d)"
  echo "Machine: $(nproc) CPUs, $(awk -F': ' '/model name/{print $2; exit}' /proc/cpuinfo), $(awk '/MemTotal/{printf "%d GiB", $2/1048576+0.5}' /proc/meminfo), $(go env GOVERSION)"
  make --silent build
  echo "Binary:  $(stat -c %s bin/bellhop | awk '{printf "%.1f MiB", $1/1048576}')"
  echo
  go test -run '^$' -bench . -benchtime 5s -timeout 10m ./internal/endtoend | grep '^Benchmark'
} >"$out"
cp "$out" docs/figures/sign-in.txt
cat docs/figures/sign-in.txt
