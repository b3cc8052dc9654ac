#!/bin/sh
# Build the image from nothing in an empty folder, measure it, and try it: deploy/build.sh DIR
#
# Needs root, and Debian's mmdebstrap and buildah; where buildah cannot run, the image's steps run in a plain chroot.
# From the environment: BASE (an image to build upon that can be pulled, instead of a Debian made here), EXTRAS, PACKAGES
# (see Containerfile), SUITE and SOURCES (Debian's release, and a file with the apt sources it comes from), TAG, PLAIN=1 (a
# plain chroot though there is buildah).
# pip inside is told where packages come from by the configuration of pip here.
set -eu
[ $# -eq 1 ] || { echo "Usage: deploy/build.sh DIR" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "It needs root, for file systems of its own." >&2; exit 2; }
mkdir -p "$1"
[ -z "$(ls -A "$1")" ] || { echo "$1 is not empty." >&2; exit 2; }
work=$(realpath "$1") repo=$(realpath "$(dirname "$0")/..") began=$(date +%s)
EXTRAS=${EXTRAS:-$(sed -n 's/^ARG EXTRAS=//p' "$repo/deploy/Containerfile")} PACKAGES=${PACKAGES:-} TAG=${TAG:-footnote}
version=$(sed -n 's/^__version__.*"\(.*\)"$/\1/p' "$repo/app/__init__.py")
revision=$(git -C "$repo" rev-parse HEAD 2>/dev/null || echo unknown)
say() { echo "[$(($(date +%s) - began)) s] $*"; }

# What pip here is told, and the folders that it names.
env -u PIP_NO_CACHE_DIR python3 -m pip config list | python3 -c '
import sys
found = {}
for line in sys.stdin:
    name, _, value = line.partition("=")
    found[name.rpartition(".")[2]] = value.strip().strip("\x27").replace("\\n", "\n  ")
print("[global]", *(f"{name} = {value}" for name, value in found.items()), sep="\n")' >"$work/pip.conf"
chmod 600 "$work/pip.conf"
# An index that is a folder called simple links to what lies beside it.
folders=$(grep -oE '(file://)?/[^ ]+' "$work/pip.conf" | sed 's,^file://,,; s,/simple/*$,,' | while read -r each; do
  [ -e "$each" ] && echo "$each"; done | sort -u)

# A slim Debian as `debian` gives it, and the same with what the first stage needs.
debian() {
  slim=$work/base.tar suite=${SUITE:-trixie} here=$(. /etc/os-release && echo "$VERSION_CODENAME")
  for each in ${SOURCES:-/etc/apt/sources.list.d/debian.sources /etc/apt/sources.list}; do
    [ -s "$each" ] && sed "s/\b$here\b/$suite/g" "$each" >"$work/debian.sources" && break
  done
  mmdebstrap --quiet --variant=apt --include="ca-certificates,python3,tini${PACKAGES:+,$(echo "$PACKAGES" | tr ' ' ,)}" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='tar -C "$1" -cf '"$slim"' --exclude=./var/lib/apt/lists/* --exclude=./var/cache/* --exclude=./var/log/* \
      --exclude=./etc/apt/sources.list.d/* --exclude=./etc/resolv.conf --exclude=./dev/* --exclude=./proc/* --exclude=./sys/* .' \
    --customize-hook='chroot "$1" apt-get install -y -qq --no-install-recommends binutils python3-venv >/dev/null' \
    "$suite" "$work/build.tar" "$work/debian.sources"
}

images() { buildah --root "$work/storage" --runroot "$work/run" --storage-driver vfs "$@"; }

import() {
  made=$(images from --name "$1" scratch)
  images add --quiet "$made" "$work/$1.tar" / >/dev/null
  images commit --quiet "$made" "localhost/footnote-$1" >/dev/null
  images rm "$made" >/dev/null
}

with_buildah() {
  if [ -z "${BASE:-}" ]; then
    import base
    import build
    BASE=localhost/footnote-base build_base=localhost/footnote-build
  fi
  # shellcheck disable=SC2046 # a list
  images build --isolation chroot --format docker --tag "$TAG" --file "$repo/deploy/Containerfile" \
    --ignorefile "$repo/deploy/Containerfile.dockerignore" --secret "id=pip,src=$work/pip.conf" \
    $(for each in $folders; do echo "--volume $each:$each:ro"; done) \
    --build-arg BASE="$BASE" --build-arg BUILD_BASE="${build_base:-$BASE}" --build-arg EXTRAS="$EXTRAS" \
    --build-arg PACKAGES="$PACKAGES" --build-arg VERSION="$version" --build-arg REVISION="$revision" "$repo"
  root=$(images mount "$(images from "$TAG")")
}

# The same steps without an image: what COPY and RUN of Containerfile do.
with_chroot() {
  root=$work/root
  mkdir "$root" "$work/build"
  tar -C "$root" -xf "$work/base.tar"
  tar -C "$work/build" -xf "$work/build.tar"
  mkdir "$work/build/src"
  sed -n 's/^!//p' "$repo/deploy/Containerfile.dockerignore" | tar -C "$repo" --exclude=__pycache__ -T - -c | tar -C "$work/build/src" -x
  unshare --mount sh -eu -c '
    cp "$2/pip.conf" "$1/etc/pip.conf"; cp /etc/resolv.conf "$1/etc/"
    for each in /proc /dev $3; do
      if [ -d "$each" ]; then mkdir -p "$1$each"; else mkdir -p "$1$(dirname "$each")"; touch "$1$each"; fi
      mount --rbind "$each" "$1$each"
    done
    cd "$1/src"; chroot "$1" env -i PATH=/usr/bin:/bin:/usr/sbin:/sbin sh -c "cd /src && sh deploy/image.sh build $4"
  ' - "$work/build" "$work" "$folders" "$EXTRAS"
  cp "$repo/deploy/image.sh" "$root/tmp/"
  chroot "$root" sh /tmp/image.sh finish "$PACKAGES"
  rm "$root/tmp/image.sh"
  mkdir -p "$root/opt" "$root/usr/share/footnote"
  cp -a "$work/build/opt/footnote" "$root/opt/"
  cp -a "$work/build/build/share/." "$root/usr/share/footnote/"
}

if [ -z "${BASE:-}" ]; then debian; say "a Debian to build upon"; fi
if [ -z "${PLAIN:-}" ] && command -v buildah >/dev/null; then with_buildah; else with_chroot; fi
say "built"
say "$(du -sm --apparent-size "$root" | cut -f1) MB unpacked, $(tar -C "$root" -c . | gzip -1 | wc -c | awk '{print int($1 / 1e6)}') MB compressed"
cp "$root/usr/share/footnote/sbom.cdx.json" "$work/"
python3 "$repo/deploy/smoke.py" "$root" "$work"
say "done: ${TAG} in $work"
