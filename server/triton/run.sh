#!/usr/bin/env bash
# Serves a model repository with the Triton that tools/servers.sh unpacked. `run.sh --help` lists the options.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
servers=$here/../../build/servers/triton
repository=""
address=127.0.0.1
grpc_port=8001
http_port=8000
metrics_port=8002
token_file=""
insecure=""
cert=""
key=""

die() { printf 'run.sh: %s\n' "$*" >&2; exit 1; }

usage() {
  cat <<'USAGE'
usage: run.sh --repository DIR [options] [-- options of tritonserver]
  --address ADDRESS     where gRPC listens (127.0.0.1); elsewhere than on loopback it needs a token and TLS
  --insecure            listen elsewhere without them all the same
  --grpc-port N         (8001)
  --http-port N         health and Triton's HTTP, on loopback only (8000)
  --metrics-port N      Prometheus metrics, on loopback only (8002)
  --token-file FILE     the token that clients must send; without it the environment's DUPFIND_TOKEN, if set
  --tls-cert FILE --tls-key FILE   PEM files of the server: then gRPC speaks TLS only
USAGE
}

absolute() { [ -r "$1" ] || die "cannot read $1"; printf '%s/%s' "$(cd "$(dirname "$1")" && pwd)" "$(basename "$1")"; }

while [ $# -gt 0 ]; do
  case "$1" in
    --help | -h) usage; exit 0 ;;
    --) shift; break ;;
    --insecure) insecure=yes; shift; continue ;;
    --*) [ $# -ge 2 ] || die "$1 needs a value" ;;
    *) usage >&2; exit 2 ;;
  esac
  case "$1" in
    --repository) repository=$(absolute "$2") ;;
    --address) address=$2 ;;
    --grpc-port) grpc_port=$2 ;;
    --http-port) http_port=$2 ;;
    --metrics-port) metrics_port=$2 ;;
    --token-file) token_file=$2 ;;
    --tls-cert) cert=$(absolute "$2") ;;
    --tls-key) key=$(absolute "$2") ;;
    *) usage >&2; exit 2 ;;
  esac
  shift 2
done
[ -n "$repository" ] || die "give --repository DIR; export.py writes one"
[ -x "$servers/pytriton/tritonserver/bin/tritonserver" ] || die "Triton is not here: run make setup-servers"
if { [ -n "$cert" ] && [ -z "$key" ]; } || { [ -z "$cert" ] && [ -n "$key" ]; }; then die "--tls-cert and --tls-key go together"; fi

token=${DUPFIND_TOKEN:-}
unset DUPFIND_TOKEN # not for the models
if [ -n "$token_file" ]; then token=$(tr -d '\r\n' <"$(absolute "$token_file")"); [ -n "$token" ] || die "$token_file is empty"; fi
case "$address" in
  127.* | localhost | ::1) ;;
  *)
    [ -n "$insecure" ] || { [ -n "$token" ] && [ -n "$cert" ]; } ||
      die "$address can be reached from other machines, which needs --token-file, --tls-cert and --tls-key; or stay on" \
        "127.0.0.1 and let clients come through an SSH tunnel; or say --insecure" ;;
esac

options=()
if [ -n "$token" ]; then
  case "$token" in *[!A-Za-z0-9._~+/-]*) die "the token may have letters, digits and . _ ~ + / - only" ;; esac
  all=health,metadata,inference,shared-memory,model-config,model-repository,statistics,trace,logging
  options+=("--grpc-restricted-protocol=$all:dupfind-token=$token")
  options+=("--http-restricted-api=${all#health,}:dupfind-token=$token")
fi
if [ -n "$cert" ]; then options+=(--grpc-use-ssl=true "--grpc-server-cert=$cert" "--grpc-server-key=$key"); fi

# The models' Python comes first, so that the stub's interpreter is that one; libpython likewise.
servers=$(cd "$servers" && pwd -P)
triton=$servers/pytriton/tritonserver
export PATH="$servers/site/bin:$PATH" LD_LIBRARY_PATH="$servers/lib"
DUPFIND_SITE=$(echo "$servers"/site/lib/python3.*/site-packages)
DUPFIND_SRC=$(cd "$here/../pytorch/src" && pwd)
export DUPFIND_SITE DUPFIND_SRC
# Memory that was used for one batch is kept for the next, rather than given back and zeroed anew: 17 % more throughput.
export MALLOC_MMAP_THRESHOLD_=134217728 MALLOC_TRIM_THRESHOLD_=134217728
# Batches reach a model through shared memory: with Triton's 1 MB, which grows as needed, the throughput is a tenth less.
# What export.py writes leaves nothing for Triton to complete, and not trying halves the time to start.
exec "$triton/bin/tritonserver" --model-repository="$repository" --backend-directory="$triton/backends" \
  --backend-config=python,shm-default-byte-size=33554432 --disable-auto-complete-config \
  --grpc-address="$address" --grpc-port="$grpc_port" --http-address=127.0.0.1 --http-port="$http_port" \
  --metrics-address=127.0.0.1 --metrics-port="$metrics_port" ${options[@]+"${options[@]}"} "$@"
