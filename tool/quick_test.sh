#!/usr/bin/env bash
# quick_test.sh BUILD_DIR: the unit tests, two at a time, in under 60 s.
set -euo pipefail
exec timeout 60 ctest --test-dir "${1:-build-dev}" --label-regex '^unit$' --parallel 2 \
    --timeout 50 --output-on-failure --no-tests=ignore --progress
