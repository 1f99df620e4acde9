# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#
# Shorthands over CMake. `make help` lists them.
#
#   PRESET  a preset of CMakePresets.json, for a folder not configured yet
#   BUILD   the build folder
#   JOBS    parallel jobs (default: one per core)
#   SECONDS how long to fuzz each reader
#   EXPORTERS        options of check-exporters, such as --filter=REGEX
#   MUTANTS, GRAPHS  how many models check-mutants makes, and from which SEED
#   FAULTS  how many calls of a kind check-crash makes fail in a tool

PRESET ?= release
BUILD ?= $(if $(filter asan tsan,$(PRESET)),build-$(PRESET),build)
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
SECONDS ?= 60
MUTANTS ?= 20000
GRAPHS ?= 2000
FAULTS ?= 500
SEED ?= 1
NINJA = ninja -C $(BUILD) -j$(JOBS)

.DEFAULT_GOAL := build
# Only one apt-get at a time; the parallelism is ninja's.
.NOTPARALLEL:
.PHONY: build configure deps demo check check-math check-onnx check-mutants check-crash check-exporters fuzz format format-fix lint docs install clean help

build: deps-build configure ## Compile; the tools are in build/bin (the default)
	$(NINJA)

deps: ## Install every Debian package that developing Tern takes
	scripts/install-deps.sh all

.PHONY: deps-build deps-demo deps-check
deps-build deps-demo deps-check: deps-%:
	@scripts/install-deps.sh $*

configure: deps-build
	@test -f $(BUILD)/build.ninja || cmake --preset $(PRESET)

demo: deps-demo build ## Classify Fashion-MNIST with a compiled ternary model, then train one
	python3 examples/fashion-mnist/run.py --ternc $(BUILD)/bin/ternc --out $(BUILD)/demo
	python3 examples/training/run.py fashion-mlp --build $(BUILD) --out $(BUILD)/demo

check: deps-check build ## Build and pass all tests
	$(NINJA) tern-test-depends
	python3 scripts/check.py --build $(BUILD) --jobs $(JOBS)

check-math: deps-check build ## Measure the errors of exp, log, sin, ... on all floats (half an hour)
	$(NINJA) tern-test-depends
	PATH="$(abspath $(BUILD))/bin:$$PATH" $(BUILD)/test/environment/bin/python test/python/math_functions.py $(BUILD)/math \
	  --all --pairs 6000000 --jobs $(JOBS) --seed $(SEED)

ONNX_INPUTS = test/Import/ONNX/Inputs
ONNX_SUITE = $(BUILD)/bin/tern-onnx-suite --jobs $(JOBS)
ONNX_DEBIAN = /usr/share/libonnx-testdata/data --expected $(ONNX_INPUTS)/expected-failures.txt
ONNX_CURRENT = $(BUILD)/test/onnx-data --expected $(ONNX_INPUTS)/expected-failures-current.txt

check-onnx: deps-check build ## Pass all of ONNX's backend tests in all variants
	$(NINJA) tern-onnx-suite tern-translate tern-test-onnx-data
	$(ONNX_SUITE) $(ONNX_DEBIAN) --variant=static
	$(ONNX_SUITE) $(ONNX_DEBIAN) --variant=dynamic
	$(ONNX_SUITE) $(ONNX_DEBIAN) --variant=parameters
	$(ONNX_SUITE) $(ONNX_CURRENT) --variant=static
	$(ONNX_SUITE) $(ONNX_CURRENT) --variant=dynamic
	$(ONNX_SUITE) $(ONNX_CURRENT) --variant=parameters
	/usr/bin/python3 scripts/onnx-coverage.py --build $(BUILD) --check

check-crash: deps-check build ## Stop ternc and training at each call that changes files, and at random; fail calls and memory
	cc -shared -fPIC -O1 test/Integration/Inputs/stop_at_call.c -o $(BUILD)/stop_at_call.so -ldl
	for output in m.so m m.o; do PATH="$(abspath $(BUILD))/bin:$$PATH" /usr/bin/python3 test/Integration/crash_pairs.py \
	  $(BUILD)/crash --preload=$(BUILD)/stop_at_call.so --output=$$output --fail --kills=70 || exit 1; done
	PATH="$(abspath $(BUILD))/bin:$$PATH" /usr/bin/python3 test/Integration/fault_injection.py $(BUILD)/faults \
	  --library=$(abspath $(BUILD))/lib/libtern_rt.so --samples=$(FAULTS) --seed=$(SEED)
	PATH="$(abspath $(BUILD))/bin:$$PATH" /usr/bin/python3 test/python/crash_training.py --kills 200 --seed 1

ORT_PYTHON = PATH="$(abspath $(BUILD))/bin:$$PATH" $(BUILD)/test/environment/bin/python
MUTANTS_OUT = $(BUILD)/mutants

check-mutants: deps-check build ## Compare MUTANTS (20000) changed models and GRAPHS (2000) random ones with ONNX Runtime
	$(NINJA) tern-test-depends
	rm -rf $(MUTANTS_OUT)
	mkdir -p $(MUTANTS_OUT)
	status=0; \
	$(ORT_PYTHON) fuzz/model-mutants.py $(MUTANTS_OUT)/models --seed $(SEED) --count $(MUTANTS) --jobs $(JOBS) || status=1; \
	$(ORT_PYTHON) test/python/onnx_fuzz_graphs.py $(MUTANTS_OUT)/graphs --seed $(SEED) --count $(GRAPHS) --jobs $(JOBS) --run || status=1; \
	exit $$status

check-exporters: deps-check build ## Compare what today's exporters write with ONNX Runtime (hours; 5 GB to install)
	$(NINJA) tern-test-depends tern-test-exporters-environment
	TERN_HOME=$(BUILD) $(BUILD)/test/exporters-environment/bin/python test/exporters/run.py $(BUILD)/exporters --jobs $(JOBS) $(EXPORTERS)

fuzz: deps-check build ## Fuzz what reads files, SECONDS (default 60) for each reader
	scripts/fuzz.sh --seconds $(SECONDS) --tools $(BUILD)/bin

format: ## Fail if clang-format would change a file
	scripts/format.sh

format-fix: ## Let clang-format change the files
	scripts/format.sh --fix

lint: build ## Run clang-tidy on the files changed since main (ALL=1: on all)
	scripts/lint.sh --build $(BUILD) --jobs $(JOBS) $(if $(ALL),--all)

docs: configure ## Generate the dialect and pass reference in build/docs/reference
	$(NINJA) tern-doc

install: build ## Install to PREFIX (default: /usr/local)
	cmake --install $(BUILD) --prefix $(PREFIX)

clean: ## Remove what the build made
	rm -rf $(BUILD)

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 14
