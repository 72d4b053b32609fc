#!/usr/bin/env bash
# The second half of prove_container.sh, in namespaces of its own: run the image, ask it, stop it.
# Takes the mounted image, a folder with what it says of itself (env, command, health) and its user.
set -euo pipefail

folder=$1 work=$2 user=$3

fail() { echo "FAILED: $*" >&2; cat "$work/log" >&2 2>/dev/null || true; exit 1; }
held() { echo "held: $*"; }
mapfile -t variables < <(grep . "$work/env")
mapfile -t command < <(grep . "$work/command")
mapfile -t health < <(grep . "$work/health")
group=$(awk -F : -v uid="$user" '$3 == uid { print $4 }' "$folder/etc/passwd")

ip link set lo up
mount --bind "$folder" "$folder"
mount --types proc proc "$folder/proc"
mount --bind --options ro /dev "$folder/dev"
mount --bind "$work/data" "$folder/data"
mount --types tmpfs tmpfs "$folder/tmp"
mount --options remount,bind,ro "$folder"

# As the container's user, with the container's environment and no more.
enter=(setpriv --no-new-privs chroot --userspec="$user:$group" "$folder")
inside() { env --ignore-environment "${variables[@]}" "${enter[@]}" "$@"; }
ask() { # a request by the image's own Python: PATH [KEY [JSON]]
  inside python -c '
import sys, urllib.error, urllib.request
path, key, body = (sys.argv[1:] + ["", ""])[:3]
headers = {"authorization": f"Bearer {key}"} | ({"content-type": "application/json"} if body else {})
request = urllib.request.Request(f"http://127.0.0.1:8080{path}", body.encode() or None, headers)
try:
    print(urllib.request.urlopen(request, timeout=30).read().decode())
except urllib.error.HTTPError as error:
    print(error.code)' "$@"
}

echo
echo "== run: ${command[*]}"
key=$(inside "${command[0]}" keys add proof 2>/dev/null)
watcher=$(inside "${command[0]}" keys add prometheus --scope metrics 2>/dev/null)
[[ "$key $watcher" == "sem-"*" sem-"* ]] || fail "no keys were made: $key $watcher"
held "keys are made inside, and stored in /data"
if [[ " ${variables[*]} " == *" SEMBLANCE_PROVIDER=cuda "* ]]; then
  # No GPU is asked for here: it must say so and not fall back, and serve on the CPU when told to.
  inside "${command[@]}" >"$work/log" 2>&1 && fail "it started without a GPU"
  grep -q CUDA "$work/log" || fail "it does not say that CUDA is missing"
  held "without a GPU it refuses to start: $(tail -n 1 "$work/log" | sed "s#.*model.onnx: ##")"
  variables+=(SEMBLANCE_PROVIDER=cpu)
fi

began=$(date +%s%3N)
env --ignore-environment "${variables[@]}" "${enter[@]}" "${command[@]}" 2>"$work/log" &
process=$!
until inside "${health[@]}" 2>/dev/null; do
  kill -0 "$process" 2>/dev/null || fail "it ended by itself"
  [ $(($(date +%s%3N) - began)) -lt 60000 ] || fail "not ready within 60 s"
  sleep 0.2
done
held "its own health check passes, $(($(date +%s%3N) - began)) ms after the start"

reply=$(ask /v1/embeddings "$key" '{"model": "minilm", "input": "read-only, and not root"}')
squares=$(inside python -c '
import json, sys
row = json.loads(sys.argv[1])["data"][0]["embedding"]
print(len(row), round(sum(x * x for x in row), 4))' "$reply")
[ "$squares" = "384 1.0" ] || fail "the embedding is not 384 numbers of length 1: $squares"
held "a text with a key is embedded: 384 numbers of length 1"
[ "$(ask /v1/models)" = 401 ] || fail "a call without a key is answered"
held "a call without a key is refused"
[ "$(ask /metrics "$key")" = 403 ] || fail "/metrics is shown to a key of other scopes"
[[ $(ask /metrics "$watcher") == *semblance_stage_seconds_count* ]] || fail "no series at /metrics"
held "/metrics shows the series to a key of scope metrics only"

status=$(cat "$folder/proc/$process/status")
[ "$(awk '/^Uid/ { print $2, $3, $4, $5 }' <<<"$status")" = "$user $user $user $user" ] || fail "user"
grep -q '^CapEff:[[:space:]]*0*$' <<<"$status" || fail "capabilities"
grep -q '^NoNewPrivs:[[:space:]]*1$' <<<"$status" || fail "new privileges"
held "the process runs as uid $user, without capabilities ($(awk '/^VmRSS/ { print int($2 / 1024) }' <<<"$status") MiB resident)"
for place in / /opt/semblance /usr/local/bin /data /tmp; do
  told=$(inside sh -c "touch $place/written 2>&1 && echo written" || true)
  case "$place $told" in
    "/data written" | "/tmp written" | *"Read-only file system") ;;
    *) fail "a write to $place: $told" ;;
  esac
done
held "the root is read-only; /data and /tmp are not"
inside python -c '
import socket
assert [name for _, name in socket.if_nameindex()] == ["lo"]
try:
    socket.create_connection(("192.0.2.1", 443), 2)
except OSError as error:
    assert error.strerror == "Network is unreachable", error' || fail "there is a network"
held "it has no network but loopback"
inside python -c '
import importlib.metadata as there, sys
names = {d.name.lower() for d in there.distributions()}
found = names & {"torch", "transformers", "onnx", "pip", "setuptools", "pytest"}
both = [pair for pair in (("onnxruntime", "onnxruntime-gpu"), ("faiss-cpu", "faiss-gpu"))
        if len(names & set(pair)) != 1]
sys.exit(f"{found} {both}" if found or both else 0)' || fail "what is installed"
held "no torch, no build tools, one ONNX Runtime and one FAISS"

began=$(date +%s%3N)
kill -TERM "$process"
code=0
wait "$process" || code=$?
held "SIGTERM ends it in $(($(date +%s%3N) - began)) ms, exit code $code"
[ "$code" = 0 ] || fail "exit code $code"
grep -q Traceback "$work/log" && fail "a traceback in its log"
echo
echo "all held"
