#!/bin/sh
# Build the steps' image with docker, podman or buildah. IMAGE names it, BASE_IMAGE is any image with Python 3.11 or later
# (by digest, name@sha256:..., it is the same in every build), EXTRAS=tracing includes what sends traces.
# SOURCE_DATE_EPOCH dates the files of the image (the last commit). SBOM names the file for the list of the image's packages;
# if it is empty, none is written. PYTHON has the package cyclonedx-bom, which writes it (.venv/sbom's).
set -eu
cd "$(dirname "$0")/.."
image=${IMAGE:-agent-cancellation:0.1.0}
base=${BASE_IMAGE:-python:3.12-slim}
extras=${EXTRAS:-}
sbom=${SBOM-dist/agent-cancellation${extras:+-$extras}.cdx.json}
revision=${REVISION:-$(git rev-parse HEAD 2>/dev/null || true)}
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || echo 0)}
export SOURCE_DATE_EPOCH
python=${PYTHON:-.venv/sbom/bin/python}
[ -x "$python" ] || python=python3

write_sbom() { # An image without its list is an image all the same.
    [ -n "$sbom" ] || return 0
    "$python" -m pipelines.sbom --extras "$extras" --output "$sbom" ||
        echo "note: $image was built, but $sbom was not written: run make sbom" >&2
}

case $base in
    *@sha256:*) ;;
    *) echo "note: $base is a tag, which can move: BASE_IMAGE=NAME@sha256:... names one image" >&2 ;;
esac
for tool in docker podman buildah; do
    command -v "$tool" >/dev/null 2>&1 || continue
    # A client without its daemon cannot build.
    "$tool" info >/dev/null 2>&1 || continue
    echo "building $image from $base with $tool"
    set -- --build-arg "BASE_IMAGE=$base" --build-arg "EXTRAS=$extras" --build-arg "REVISION=$revision" -f steps/Dockerfile -t "$image" .
    case $tool in
        buildah) buildah bud ${BUILD_FLAGS:-} --timestamp "$SOURCE_DATE_EPOCH" "$@" ;;
        podman) podman build ${BUILD_FLAGS:-} --timestamp "$SOURCE_DATE_EPOCH" "$@" ;;
        # Its BuildKit reads SOURCE_DATE_EPOCH from the environment.
        *) docker build ${BUILD_FLAGS:-} "$@" ;;
    esac
    write_sbom
    exit 0
done
echo "make image needs docker (with its daemon), podman or buildah: install one of them" >&2
exit 69
