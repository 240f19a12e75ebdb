#!/bin/bash
# run-demo.sh [OPTION...]: installs what is missing, builds Shrike and starts its demo, with the options given.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

toolchains/setup.sh
cmake --preset release --log-level=WARNING >/dev/null
cmake --build --preset release --target shrike shrike-capture
exec build/release/bin/shrike demo "$@"
