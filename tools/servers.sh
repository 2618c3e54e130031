#!/usr/bin/env bash
# Makes what the tests of the remote servers run in, and nothing that is there already:
#   servers.sh [NAME...]   the environments, each complete or absent, in the user's cache folder, linked from build/servers
#   servers.sh --check     says what is there; exit status 1 when something is missing
# The environments, named after what they are for:
#   pytorch   a Python environment: what server/pytorch needs, and what checks the Python code
#   triton    Triton out of the wheel that ships it (Linux on x86-64 only), and in triton/site the models' Python environment
#   kserve    a Python environment with KServe's SDK
# Kept to what bash 3.2 (macOS) understands.
set -euo pipefail
cd "$(dirname "$0")/.."

recipe=1 # rises when the way an environment is made changes
out=build/servers

say() { printf 'setup-servers: %s\n' "$*" >&2; }
die() { printf 'setup-servers: %s\n' "$1" >&2; shift; for line in "$@"; do printf '               %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# As Go's os.UserCacheDir.
user_cache() {
  if [ "$(uname -s)" = Darwin ]; then printf '%s/Library/Caches' "$HOME"; else printf '%s' "${XDG_CACHE_HOME:-$HOME/.cache}"; fi
}
cache="$(user_cache)/dupfind/servers"

# The requirements of each environment.
requirements() {
  case "$1" in
    pytorch) echo server/pytorch/requirements-test.txt server/triton/requirements-export.txt ;;
    triton) echo server/triton/requirements.txt server/triton/requirements-wheel.txt ;;
    kserve) echo server/kserve/requirements.txt ;;
  esac
}

triton_runs_here() { [ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ]; }

names() {
  echo pytorch
  if triton_runs_here; then echo triton; fi
  echo kserve
}

# ---- Python ----

# python_for NAME: the path of a Python that can make the environment. Triton's stub needs libpython as a library.
python_for() {
  local p
  for p in python3.11 python3 python3.12 /usr/bin/python3.11 /usr/bin/python3.12 "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.1[12]*/bin/python3; do
    "$p" - "$1" <<'PY' 2>/dev/null && return 0
import os, sys, sysconfig
import ensurepip, venv  # noqa: F401  (Debian packs them apart)
if sys.version_info[:2] not in ((3, 11), (3, 12)):
    sys.exit(1)
library = os.path.join(sysconfig.get_config_var("LIBDIR"), f"libpython3.{sys.version_info[1]}.so.1.0")
if sys.argv[1] == "triton" and not os.path.exists(library):
    sys.exit(1)
print(os.path.realpath(sys.executable))
PY
  done
  return 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif have sudo; then sudo "$@"; else
    die "these need root, and there is no sudo here; as root, run:" "$*"
  fi
}

# The python3 of Debian 12 is 3.11, of Ubuntu 24.04 3.12.
apt_python() {
  have apt-get || return 1
  local version=3.11
  as_root apt-get update -qq || return 1
  apt-cache show python3.11-venv >/dev/null 2>&1 || version=3.12
  say "installing with apt: python$version-venv libpython$version"
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
    "python$version-venv" "libpython$version" >/dev/null || return 1
}

# Without the environment its tests are skipped, with the reason; in CI that is a failure.
no_python() {
  local hint="Python 3.11 or 3.12 with its venv module is needed"
  if [ "$1" = triton ]; then hint="$hint, and its shared library (libpython3.11.so.1.0)"; fi
  [ "${CI:-}" != true ] || die "cannot make the environment $1: $hint."
  say "the environment $1 is left out: $hint"
}

# ---- an environment ----

# folder_of NAME PYTHON: where it is; another Python or other requirements are another folder.
folder_of() {
  # shellcheck disable=SC2046  # a list of names
  "$2" - "$cache/$1" "$recipe" $(requirements "$1") <<'PY'
import hashlib, sys
h = hashlib.sha256(repr((sys.argv[2], sys.version, sys.executable)).encode())
for name in sys.argv[3:]:
    with open(name, "rb") as f:
        h.update(f.read())
print(f"{sys.argv[1]}-{h.hexdigest()[:12]}")
PY
}

# python_in NAME FOLDER: the Python of an environment.
python_in() { if [ "$1" = triton ]; then echo "$2/site/bin/python"; else echo "$2/bin/python"; fi; }

# make_venv PYTHON FOLDER FILE...
make_venv() {
  local python=$1 folder=$2 file; shift 2
  "$python" -m venv "$folder"
  for file in "$@"; do set -- "$@" -r "$file"; shift; done
  PIP_REQUIRE_VIRTUALENV=0 "$folder/bin/python" -m pip install --quiet --disable-pip-version-check --only-binary=:all: "$@" ||
    die "pip could not install (its message is above): $*"
}

make_triton() {
  local python=$1 folder=$2 root="$2/pytriton/tritonserver" version libdir
  make_venv "$python" "$folder/site" server/triton/requirements.txt
  "$folder/site/bin/python" -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --dest "$folder/wheel" --requirement server/triton/requirements-wheel.txt || die "pip could not fetch Triton (its message is above)"
  "$python" -m zipfile -e "$folder"/wheel/nvidia_pytriton-*.whl "$folder"
  version=$("$python" -c 'import sys; print("3.%d" % sys.version_info[1])')
  libdir=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
  # The stub stays beside the backend: it finds its libraries from there.
  mv "$root/python_backend_stubs/$version/triton_python_backend_stub" "$root/backends/python/"
  chmod +x "$root/bin/tritonserver" "$root/backends/python/triton_python_backend_stub"
  rm -r "$folder/wheel" "$root/python_backend_stubs"
  # Of several libpythons of one name the stub must take the one of the site's Python.
  mkdir "$folder/lib"
  ln -s "$libdir/libpython$version.so.1.0" "$folder/lib/"
}

# make_environment NAME PYTHON FOLDER: beside its place, then moved there whole. When another run was first, its is kept.
make_environment() {
  local name=$1 python=$2 folder=$3 part; part="$3.part.$$"
  say "making the environment $name with $("$python" --version) (once)"
  mkdir -p "$cache"
  # shellcheck disable=SC2064  # the name of now
  trap "rm -rf '$part'" EXIT
  mkdir "$part"
  # shellcheck disable=SC2046  # a list of names
  if [ "$name" = triton ]; then make_triton "$python" "$part"; else make_venv "$python" "$part" $(requirements "$name"); fi
  "$python" -c 'import os, sys
try: os.rename(sys.argv[1], sys.argv[2])
except OSError:
    if not os.path.isdir(sys.argv[2]): raise' "$part" "$folder"
  rm -rf "$part"
  trap - EXIT
}

ensure() {
  local name=$1 python folder
  python=$(python_for "$name") || { apt_python && python=$(python_for "$name"); } || { no_python "$name"; return 0; }
  folder=$(folder_of "$name" "$python")
  if [ ! -x "$(python_in "$name" "$folder")" ]; then make_environment "$name" "$python" "$folder"; fi
  if [ "$(readlink "$out/$name" 2>/dev/null || true)" != "$folder" ]; then ln -sfn "$folder" "$out/$name"; fi
}

setup() {
  local name
  mkdir -p "$out"
  for name in "$@"; do
    [ -n "$(requirements "$name")" ] || die "no environment $name; there are: pytorch triton kserve"
    if [ "$name" = triton ] && ! triton_runs_here; then say "Triton is left out: it runs on Linux on x86-64 only"; else ensure "$name"; fi
  done
}

check() {
  local name python missing=0
  for name in $(names); do
    python=$(python_in "$name" "$out/$name")
    if [ -x "$python" ]; then
      printf '%-8s %s, %s\n' "$name" "$(readlink "$out/$name")" "$("$python" --version)"
    else
      printf '%-8s missing; make setup-servers makes it\n' "$name"
      missing=1
    fi
  done
  return $missing
}

case "${1:-}" in
  "") setup pytorch triton kserve ;;
  --check) check ;;
  -*) die "usage: servers.sh [--check] [NAME...]" ;;
  *) setup "$@" ;;
esac
