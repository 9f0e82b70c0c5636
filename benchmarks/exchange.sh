#!/bin/sh
# The exchange of files with Keras on every backend that is installed: benchmarks/exchange.sh [python]
set -u
python=${1:-python3}
status=0
for backend in jax tensorflow torch; do
    if "$python" -c "import keras, $backend" 2>/dev/null; then
        echo "== $backend"
        KERAS_BACKEND=$backend "$python" -m pytest -q "$(dirname "$0")/../tests/saving/test_exchange.py" || status=1
    else
        echo "== $backend is not installed"
    fi
done
exit $status
