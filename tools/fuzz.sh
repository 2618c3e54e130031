#!/usr/bin/env bash
# fuzz.sh TIME: runs every fuzz target of the module for TIME each; what one finds is left in its testdata/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
time=${1:-30s}
count=0
while read -r package dir; do
  # Only where a file names one: listing tests builds the package.
  grep -qs '^func Fuzz' "$dir"/*_test.go || continue
  for target in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
    printf 'fuzz: %s %s for %s\n' "$package" "$target" "$time"
    go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" "$package"
    count=$((count + 1))
  done
done < <(go list -f '{{.ImportPath}} {{.Dir}}' ./...)
[ "$count" -gt 0 ] || { echo "fuzz: no target found"; exit 1; }
printf 'fuzz: %d targets, nothing found\n' "$count"
