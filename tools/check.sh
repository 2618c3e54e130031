#!/usr/bin/env bash
# The checks that run no test: format, vet, staticcheck, the module file, and what can be checked of macOS from here.
set -euo pipefail
cd "$(dirname "$0")/.."

step() { printf 'check: %s\n' "$*"; }

check_format() {
  step gofmt
  local bad; bad=$(git ls-files -z '*.go' | xargs -0 gofmt -l)
  [ -z "$bad" ] || { printf 'not formatted:\n%s\n' "$bad"; return 1; }
}

# Packages that need no cgo on the way down, tests included: those can be compiled for macOS without its headers.
# go-sqlite3 is no hindrance: without cgo it is a stub that compiles.
pure_packages() {
  local cgo; cgo=$(go list -deps -test -f '{{if and (not .Standard) .CgoFiles}}{{.ImportPath}}{{end}}' ./... | grep -v /go-sqlite3$ | sort -u)
  go list -test -f '{{.ImportPath}} {{join .Deps " "}}' ./... | CGO_PACKAGES=$cgo awk '
    BEGIN { n = split(ENVIRON["CGO_PACKAGES"], names, "\n"); for (i = 1; i <= n; i++) cgo[names[i]] = 1 }
    $1 ~ /\[/ || $2 ~ /^\[/ { next }
    { name = $1; sub(/\.test$/, "", name); seen[name] = 1
      if (name in cgo) bad[name] = 1
      for (i = 2; i <= NF; i++) if ($i in cgo) bad[name] = 1 }
    END { for (name in seen) if (!(name in bad)) print name }' | sort
}

check_macos() {
  local packages; packages=$(pure_packages)
  step "macOS arm64: build and vet of $(printf '%s\n' "$packages" | wc -l | tr -d ' ') packages without cgo"
  # shellcheck disable=SC2086  # a list of names
  GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go build $packages
  # shellcheck disable=SC2086
  GOOS=darwin GOARCH=arm64 CGO_ENABLED=0 go vet $packages
}

check_format
step vet
go vet ./...
step staticcheck
go tool staticcheck ./...
step "go mod tidy -diff"
go mod tidy -diff
check_macos
