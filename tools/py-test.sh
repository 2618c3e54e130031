#!/usr/bin/env bash
# Checks the Python code of the servers in the environment that tools/servers.sh made: style, types, tests. In CI a test
# that was skipped is a failure, as it is for the Go code.
set -euo pipefail
cd "$(dirname "$0")/.."

python=$PWD/build/servers/pytorch/bin/python
step() { printf 'py-test: %s\n' "$*"; }

lint() {
  step "$1: ruff, mypy"
  (cd "$1" && "$python" -m ruff check --quiet --no-cache . && "$python" -m ruff format --check --quiet --no-cache . &&
    "$python" -m mypy --no-error-summary --cache-dir "$OLDPWD/build/mypy/$(basename "$1")")
}

tests() {
  step "$1: pytest"
  local log; log=$(mktemp)
  (cd "$1" && "$python" -m pytest -q -p no:cacheprovider) | tee "$log"
  if [ "${CI:-}" = true ] && grep -qE '^[0-9]+ passed.*[0-9]+ skipped|^SKIPPED' "$log"; then
    rm -f "$log"
    printf 'py-test: %s: a test was skipped, which in CI is a failure\n' "$1"
    return 1
  fi
  rm -f "$log"
}

for folder in server/pytorch server/triton server/kserve; do lint "$folder"; done
for folder in server/pytorch server/triton; do tests "$folder"; done
