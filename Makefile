VENV ?= .venv
PYTHON ?= python3
OUT ?= out
BIN = $(VENV)/bin
CONSTRAINTS ?= constraints.txt
WEIGHTS = fastscnn_edge/weights/fastscnn_camvid_int8.safetensors

.PHONY: run test test-all test-least lint format clean

run: $(VENV)/installed  ## export the bundled INT8 network and run it on the bundled pictures
	$(BIN)/fastscnn-edge export --checkpoint $(WEIGHTS) --precision int8 --out $(OUT)/model.tflite
	$(BIN)/fastscnn-edge run --model $(OUT)/model.tflite --source examples/street --headless \
	    --out $(OUT) --report $(OUT)/report.json

test: $(VENV)/installed  ## what a change needs at once: everything but the slow tests, minutes on two cores
	$(BIN)/python -m pytest -m "not slow"

test-all: $(VENV)/installed  ## every test, and how much of the package they reach
	$(BIN)/python -m pytest --cov --cov-report=term

LEAST_TESTS = tests/runtime tests/cli tests/bench tests/commands/test_run.py tests/commands/test_bench.py \
    tests/commands/test_compare.py tests/commands/test_doctor.py tests/commands/test_memory.py \
    tests/system/test_light_imports.py tests/system/test_bad_input.py tests/system/test_simulated_board.py tests/test_*.py \
    --ignore tests/runtime/engines/test_onnx_file.py --ignore tests/runtime/engines/test_ort.py

test-least:  ## what a board runs, under the least versions that setup.cfg promises; no torch, no onnx
	$(PYTHON) -m venv build/least
	build/least/bin/pip install --quiet --constraint constraints/least.txt --editable '.[tflite,onnx,camera]' \
	    pytest pytest-timeout hypothesis flatbuffers
	build/least/bin/python -m pytest -m "not slow" $(LEAST_TESTS)
	build/least/bin/fastscnn-edge run --model fastscnn_edge/weights/fastscnn_camvid_int8.onnx \
	    --source examples/street --headless

lint: $(VENV)/installed  ## ruff, codespell and mypy; mypy looks at an installed copy, where mapped packages have their names
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/codespell
	rm -rf build/check
	$(BIN)/pip install --quiet --no-deps --target build/check .
	MYPYPATH=build/check $(BIN)/mypy --cache-dir build/mypy -p fastscnn_edge -p benchmarks -p device_tests -p tools

format: $(VENV)/installed
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

$(VENV)/installed: setup.cfg $(CONSTRAINTS)
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint $(CONSTRAINTS) --editable '.[tflite,camera,export,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info
