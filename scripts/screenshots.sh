#!/usr/bin/env bash
# Pictures of the demo, taken by a real browser.
set -euo pipefail
cd "$(dirname "$0")/.."
. scripts/need.sh
cd e2e
exec npm run --silent screenshots
