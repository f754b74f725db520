# The commands of this project. `make run` and `make test` set up all they need, once; see tools/setup.sh.
#
#   make run ARGS="model.gguf --data-dir /tmp/try"        make test ARGS="tests/core -k settings"
#   CMAKE_ARGS="-DGGML_CUDA=on" make run                  llama.cpp for an NVIDIA card (needs the CUDA toolkit)

PYTHON := .venv/bin/python
READY_TO_RUN := .venv/ready-to-run
READY_TO_TEST := .venv/ready-to-test

.PHONY: help run test lint bench screenshots check-templates

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
