#!/bin/sh
# Build the steps' image with whatever builds images here. IMAGE names it, BASE_IMAGE is any image with Python 3.11 or later,
# EXTRAS=tracing includes what sends traces.
set -eu
cd "$(dirname "$0")/.."
image=${IMAGE:-agent-cancellation:0.1.0}
base=${BASE_IMAGE:-python:3.12-slim}
extras=${EXTRAS:-}
for tool in docker podman buildah; do
    command -v "$tool" >/dev/null 2>&1 || continue
    # A client without its daemon is no builder.
    "$tool" info >/dev/null 2>&1 || continue
    echo "building $image from $base with $tool"
    case $tool in
        buildah) exec buildah bud ${BUILD_FLAGS:-} --build-arg "BASE_IMAGE=$base" --build-arg "EXTRAS=$extras" -f steps/Dockerfile -t "$image" . ;;
        *) exec "$tool" build ${BUILD_FLAGS:-} --build-arg "BASE_IMAGE=$base" --build-arg "EXTRAS=$extras" -f steps/Dockerfile -t "$image" . ;;
    esac
done
echo "make image needs docker (with its daemon), podman or buildah: install one of them" >&2
exit 69
