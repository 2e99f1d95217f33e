#!/bin/bash
# What a Jetson must pass, in order; anything absent is named and passed over. Runs on any Linux, GPU or not.
#
#   device_tests/jetson.sh MODEL.onnx [RESULTS]
#
# MODEL.onnx: made on a laptop with 'fastscnn-edge export --format onnx --target tensorrt' from CamVid weights.
# RESULTS: folder for masks and reports (default: jetson_results). PYTHON names the interpreter (default: python3).
# Status 0: what could run passed; 1: something failed; 2: wrong arguments.
set -u

if [ $# -lt 1 ] || [ $# -gt 2 ] || [ "$1" = "--help" ]; then
    sed -n '2,9s/^# \{0,1\}//p' "$0"
    [ "${1:-}" = "--help" ] && exit 0
    exit 2
fi
if [ ! -f "$1" ]; then
    echo "jetson.sh: no such model: $1; export one with: fastscnn-edge export --format onnx --target tensorrt" >&2
    exit 2
fi

model=$1
results=${2:-jetson_results}
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)
failed=0

have() { command -v "$1" > /dev/null 2>&1; }
say() { printf '%-8s %s\n' "$1" "$2"; }
fail() { say failed "$1"; failed=1; }
edge() { "$python" -m fastscnn_edge "$@"; }

echo "== board"
if [ -r /proc/device-tree/model ]; then
    say ok "$(tr -d '\0' < /proc/device-tree/model)"
else
    say missing "/proc/device-tree/model: not a board"
fi
if [ -r /etc/nv_tegra_release ]; then
    say ok "$(head -n 1 /etc/nv_tegra_release)"
else
    say missing "/etc/nv_tegra_release: not a Jetson"
fi
if have nvpmodel; then
    say ok "$(nvpmodel -q 2>/dev/null | tr '\n' ' ')"
else
    say missing "nvpmodel: power mode unknown"
fi

echo "== software"
if ! have "$python"; then
    fail "$python: not found; set PYTHON"
    exit 1
fi
if ! version=$(edge --version 2>&1); then
    fail "fastscnn_edge does not start with $python: $(printf '%s\n' "$version" | tail -n 1)"
    exit 1
fi
say ok "$version, $("$python" --version)"
providers=$("$python" -c 'import onnxruntime as o; print(o.__version__, *o.get_available_providers())' 2> /dev/null)
case $providers in
    "") say missing "onnxruntime: see device_tests/jetson.md" ;;
    *TensorrtExecutionProvider*) say ok "onnxruntime $providers" ;;
    *) say missing "TensorRT in this onnxruntime: $providers" ;;
esac
trtexec=$(command -v trtexec || true)
if [ -z "$trtexec" ] && [ -x /usr/src/tensorrt/bin/trtexec ]; then
    trtexec=/usr/src/tensorrt/bin/trtexec
fi
if [ -n "$trtexec" ]; then
    say ok "$trtexec"
else
    say missing "trtexec: apt install libnvinfer-bin"
fi

mkdir -p "$results" || exit 1

echo "== lint and engine"
if "$python" -c 'import onnx' 2> /dev/null; then
    if edge lint "$model" > "$results/lint.txt" 2>&1; then
        say ok "lint: $(tail -n 1 "$results/lint.txt")"
    else
        fail "lint: $(tail -n 1 "$results/lint.txt"); all of it in $results/lint.txt"
    fi
    if [ -n "$trtexec" ]; then
        if edge tensorrt-plan "$model" --run > "$results/trtexec.txt" 2>&1; then
            say ok "engine built; output in $results/trtexec.txt"
        else
            fail "trtexec: $(tail -n 1 "$results/trtexec.txt"); all of it in $results/trtexec.txt"
        fi
    else
        say missing "trtexec, so no engine was built by it"
    fi
else
    say missing "the onnx package: lint on the laptop, or pip install onnx"
fi

echo "== masks"
if [ -n "$providers" ]; then
    if edge run --model "$model" --source "$here/../examples/street" --out "$results/masks" \
        --report "$results/report.json" > "$results/run.txt" 2>&1; then
        "$python" "$here/jetson_check.py" "$results" || failed=1
    else
        fail "run: $(tail -n 1 "$results/run.txt")"
    fi
else
    say missing "onnxruntime, so no masks were made"
fi
exit $failed
