#!/usr/bin/env bash
# Every fuzz target, one after the other, for FUZZTIME each. What is found stays
# as a file in the package's testdata/fuzz, where go test runs it from then on.
set -euo pipefail
cd "$(dirname "$0")/.."
export GOFLAGS="${GOFLAGS:-} -buildvcs=false"
fuzztime=${FUZZTIME:-30s}

# go test -list prints a package's targets, then a line with its name.
targets=$(go test -list '^Fuzz' ./... | awk '
  /^Fuzz/ { names[n++] = $1 }
  $1 == "ok" { for (i = 0; i < n; i++) print $2, names[i]; n = 0 }')
[ -n "$targets" ] || { echo "no fuzz targets found" >&2; exit 1; }

failed=()
while read -r package target; do
  printf '\n== %s %s, %s\n' "$package" "$target" "$fuzztime"
  go test -run '^$' -fuzz "^$target\$" -fuzztime "$fuzztime" -fuzzminimizetime 10s "$package" </dev/null ||
    failed+=("$package $target")
done <<<"$targets"

printf '\n%d targets, %d failed\n' "$(wc -l <<<"$targets")" "${#failed[@]}"
[ ${#failed[@]} -eq 0 ] || { printf '%s\n' "${failed[@]}" >&2; exit 1; }
