#!/bin/sh
# Write the lock files of the image from pyproject.toml: every package that is installed, with the hashes of its files, for
# every platform and every Python from 3.11. `make lock` calls it.
set -eu
cd "$(dirname "$0")/.."
bin=${BIN:-.venv/bin}

lock() { # file, what it is, sources and options of uv
    file=steps/$1 about=$2
    shift 2
    {
        echo "# $about, with the hashes of its files."
        echo "# Written by \`make lock\`. pip refuses a file that has another hash."
        "$bin/uv" pip compile -q --generate-hashes --universal --python-version 3.11 --no-header --no-emit-index-url "$@"
    } >"$file.new"
    mv "$file.new" "$file"
}

lock requirements.txt "What the steps' image has" pyproject.toml
lock requirements-tracing.txt "What the steps' image has with EXTRAS=tracing" pyproject.toml --extra tracing
backend=$(sed -n 's/^requires = \["\(.*\)"\]$/\1/p' pyproject.toml)
echo "$backend" >steps/build-backend.in
lock requirements-build.txt "What builds this package for the image, and is not in it" steps/build-backend.in
rm steps/build-backend.in
