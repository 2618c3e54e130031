#!/usr/bin/env bash
# What the benchmarks need beyond a build, each made once: a Python environment in build/venv, czkawka in the user's cache
# (it compiles for some minutes), the servers' environments (tools/servers.sh), and small programs in build/bench.
set -euo pipefail
cd "$(dirname "$0")/../.."

czkawka_version=12.0.2
say() { printf 'bench-setup: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

user_cache() {
  if [ "$(uname -s)" = Darwin ]; then printf '%s/Library/Caches' "$HOME"; else printf '%s' "${XDG_CACHE_HOME:-$HOME/.cache}"; fi
}

# The first Python that is 3.12 or newer and can make environments.
find_python() {
  local p
  for p in python3.12 python3.13 python3.14 python3 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[2-9]*/bin/python3; do
    if "$p" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' >/dev/null 2>&1; then printf '%s' "$p"; return; fi
  done
  die "the benchmarks need Python 3.12 or newer, because immaculate does"
}

setup_venv() {
  local stamp=build/venv/requirements.txt
  if cmp -s tools/bench/requirements.txt "$stamp"; then return 0; fi
  local python; python=$(find_python)
  say "making build/venv with $("$python" --version)"
  rm -rf build/venv
  "$python" -m venv build/venv
  build/venv/bin/python -m pip install --quiet --disable-pip-version-check --only-binary=:all: -r tools/bench/requirements.txt
  cp tools/bench/requirements.txt "$stamp"
}

setup_bound() {
  mkdir -p build/bench
  if [ build/bench/bound -nt tools/bench/bound.c ]; then return 0; fi
  # shellcheck disable=SC2046  # flags
  cc -O2 -o build/bench/bound tools/bench/bound.c $(pkg-config --cflags --libs libjpeg) -lpthread
}

# The simulated link, and decoding alone. Go itself knows what is up to date.
setup_programs() {
  go build -o build/bench/ ./tools/bench/link ./tools/bench/decoderate
}

setup_czkawka() {
  local root; root="$(user_cache)/dupfind/bench/czkawka"
  mkdir -p build/bench
  if [ ! -x "$root/bin/czkawka_cli" ]; then
    have cargo || die "czkawka is compiled by cargo, which is not here"
    say "compiling czkawka_cli $czkawka_version (some minutes, once)"
    cargo install --quiet --locked czkawka_cli --version "$czkawka_version" --root "$root"
  fi
  ln -sfn "$root/bin/czkawka_cli" build/bench/czkawka_cli
}

setup_venv
setup_bound
setup_programs
setup_czkawka
tools/servers.sh pytorch triton
