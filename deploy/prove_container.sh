#!/usr/bin/env bash
# Builds a stage of the Dockerfile and starts it, without a Docker engine, and says what held.
#
#   deploy/prove_container.sh [STAGE]        serve-cpu where none is named
#
# Needs root and, from Debian: buildah debootstrap iproute2.
# The base image is made here (Debian bookworm, its Python 3.11); the build fetches as this machine's
# pip is configured to. The image runs as its own user on a read-only root, with loopback only.
set -euo pipefail

stage=${1:-serve-cpu}
root=$(cd "$(dirname "$0")/.." && pwd)

fail() { echo "FAILED: $*" >&2; exit 1; }
step() { echo; echo "== $*"; }
[ "$(id -u)" = 0 ] || fail "root is needed, to mount and to make a network of its own"
for tool in buildah debootstrap ip setpriv unshare; do
  command -v "$tool" >/dev/null || fail "$tool is missing; on Debian: apt-get install buildah debootstrap iproute2"
done

work=$(mktemp --directory --tmpdir semblance-container.XXXXXX)
# A storage of its own, so that nothing of this stays. Layers by overlay where the kernel has it.
driver=vfs
grep -qw overlay /proc/filesystems && driver=overlay
image() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver "$driver" "$@"; }
clean() {
  image umount --all >/dev/null 2>&1 || true
  image rm --all >/dev/null 2>&1 || true
  umount "$work/storage/$driver" 2>/dev/null || true
  rm -rf "$work"
}
trap clean EXIT

step "base image: Debian bookworm, minbase"
mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' \
  'Created-By: Packages' 'Codename: bookworm' 'Origin: Debian' 2>/dev/null | head -n 1)}
base=$(image from scratch)
folder=$(image mount "$base")
debootstrap --variant=minbase --include=ca-certificates,python3.11,python3.11-venv,python3-distutils \
  bookworm "$folder" "${mirror:-https://deb.debian.org/debian}" >"$work/debootstrap.log" 2>&1 \
  || { tail -n 5 "$work/debootstrap.log" >&2; fail "debootstrap"; }
# As python:3.11-slim has it: `python` and `pip` in /usr/local/bin.
chroot "$folder" python3.11 -m venv /usr/local
rm -rf "$folder"/var/cache/apt/* "$folder"/var/lib/apt/lists/* "$folder"/usr/share/{doc,locale,man}/*
image umount "$base" >/dev/null
image commit --quiet --rm "$base" semblance-base >/dev/null
image images --format '{{.Name}} {{.Size}}' semblance-base

step "build: $stage"
# As a caller with an index of his own: what this machine's pip is told goes in as the build's
# secret, and what it names on this machine's disk is lent to the build, read-only (of a folder
# `simple`, the one around it: the files lie beside).
python3 -m pip config list \
  | sed -n "s/^[^=]*\.\([a-z-]*\)='\(.*\)'\$/\1 = \2/p" \
  | awk -F ' = ' 'BEGIN { print "[global]" } !seen[$1]++' >"$work/pip.conf"
lent=()
while read -r path; do
  [ ! -e "$path" ] || lent+=(--volume "$path:$path:ro")
done < <(grep -oE '(file://| )/[^ ]+' "$work/pip.conf" | sed 's#^file://##; s#^ ##; s#/simple/*$##' | sort --unique)
image build --isolation chroot --format docker --target "$stage" --tag semblance-proof \
  --build-arg BASE=localhost/semblance-base --build-arg CUDA_BASE=localhost/semblance-base \
  --secret "id=pip,src=$work/pip.conf" "${lent[@]}" "$root" >"$work/build.log" 2>&1 \
  || { tail -n 15 "$work/build.log" >&2; fail "build"; }
image images --format '{{.Name}} {{.Size}}' semblance-proof
image push --quiet semblance-proof "oci:$work/oci"
echo "compressed, as a registry holds it: $(du --summarize --human-readable "$work/oci" | cut -f 1)"
running=$(image from semblance-proof)
folder=$(image mount "$running")
echo "its biggest parts:"
for part in / /usr /opt/semblance/lib/python3*/site-packages; do
  (cd "$folder" && du --human-readable --max-depth 1 --threshold 4M .$part)
done | sed 's#\t\./*#\t/#' | sort --human-numeric-sort --reverse | awk '!seen[$2]++' | head -n 24

if [ "$stage" = train ]; then # it serves nothing
  step "run: torch"
  image run --isolation chroot "$running" -- python -c '
import os, torch
assert os.getuid() == 10001
print("held: torch", torch.__version__, "is there, and the user is not root")'
  image run --isolation chroot "$running" -- semblance models list
  exit
fi

# What the image itself says of how it runs.
says() { image inspect --format "$1" "$running"; }
says '{{range .OCIv1.Config.Env}}{{println .}}{{end}}' >"$work/env"
says '{{range .OCIv1.Config.Entrypoint}}{{println .}}{{end}}{{range .OCIv1.Config.Cmd}}{{println .}}{{end}}' >"$work/command"
says '{{range slice .Docker.Config.Healthcheck.Test 1}}{{println .}}{{end}}' >"$work/health"
user=$(says '{{.OCIv1.Config.User}}')
mkdir "$work/data"
chmod 700 "$work/data"
chown "$user:" "$work/data" 2>/dev/null || chown "$user:$user" "$work/data"
unshare --mount --net --pid --fork --kill-child "$root/deploy/prove_running.sh" \
  "$folder" "$work" "$user"
