#!/usr/bin/env bash
# demo.sh [FOLDER]: scan and report. Without a folder: the small library of testdata, into a database of its own;
# with one: that folder, into the user's database. Nothing is moved.
set -euo pipefail
cd "$(dirname "$0")/.."

photos=${1:-}
# shellcheck disable=SC2088  # the tilde is meant
case "$photos" in '~') photos=$HOME ;; '~/'*) photos=$HOME/${photos#'~/'} ;; esac # make leaves it as typed

db=()
if [ -z "$photos" ]; then
  photos=testdata/photos
  mkdir -p build
  rm -f build/demo.db build/demo.db-wal build/demo.db-shm
  db=(--db build/demo.db)
fi

# run shows a command as one would type it.
run() { printf '\n$ %s\n' "$(quoted "$@")"; "$@"; }
quoted() { local out; out=$(printf ' %q' "$@"); printf '%s' "${out# }"; }

code=0
run bin/dupfind scan "$photos" ${db[@]+"${db[@]}"} || code=$?
# 3: some files could not be compared; testdata holds three such on purpose, and a real library often does.
if [ "$code" -ne 0 ] && [ "$code" -ne 3 ]; then exit "$code"; fi
if [ "$code" -eq 3 ]; then
  run bin/dupfind skipped ${db[@]+"${db[@]}"}
fi
run bin/dupfind report ${db[@]+"${db[@]}"}

printf '\nNothing was moved. Next, to see what would be:\n\n    %s\n' \
  "$(quoted bin/dupfind quarantine --dry-run ${db[@]+"${db[@]}"})"
