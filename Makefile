VENV ?= .venv
PYTHON ?= python3
OUT ?= out
BIN = $(VENV)/bin
WEIGHTS = fastscnn_edge/weights/fastscnn_camvid_int8.safetensors

.PHONY: run test lint clean

run: $(VENV)/installed  ## export the bundled INT8 network and run it on the bundled pictures
	$(BIN)/fastscnn-edge export --checkpoint $(WEIGHTS) --precision int8 --out $(OUT)/model.tflite
	$(BIN)/fastscnn-edge run --model $(OUT)/model.tflite --source examples/street --headless \
	    --out $(OUT) --report $(OUT)/report.json

test: $(VENV)/installed  ## every test
	$(BIN)/python -m pytest

lint: $(VENV)/installed  ## ruff and mypy; mypy looks at an installed copy, where the mapped packages have their names
	$(BIN)/ruff check .
	rm -rf build/check
	$(BIN)/pip install --quiet --no-deps --target build/check .
	MYPYPATH=build/check $(BIN)/mypy --cache-dir build/mypy -p fastscnn_edge -p benchmarks -p device_tests -p tools

$(VENV)/installed: setup.cfg constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[tflite,camera,export,dev]'
	touch $@

clean:
	rm -rf $(VENV) $(OUT) build dist *.egg-info
