# make help: what there is. ARGS are passed on: make local ARGS="--data ~/pictures"
# The first that really runs: a version manager's shim may be there for a Python that is not.
PYTHON ?= $(shell for python in python3.12 python3.13 python3.11; do \
	$$python -c '' 2>/dev/null && echo $$python && break; done)
SUPPORTED := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
VENV ?= .venv
BIN := $(VENV)/bin
ARGS ?=
DEBUGGER := training_code/requirements-debugger.txt
BENCH_DATA ?= ../shared/data/dogs120
BENCH_WEIGHTS ?= ../shared/weights

# $(call try,COMMAND,NAME): done when the command succeeds, else said; neither ends make.
try = if { $1; }; then touch $@; else echo "$(strip $2) cannot be had, see above: what needs it is skipped"; fi

help:  ## say what there is
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 20

.PHONY: help local test test-quick build-check lint format infra-check bench bench-smoke backbones clean

local: $(VENV)/.local  ## set up, then run the whole pipeline on this machine
	$(BIN)/python -m pipeline.run --local $(ARGS)

test: $(addprefix $(VENV)/.,toolkit torchserve ray debian axe) lint  ## set up, then pass the checks and every test
	$(BIN)/python -m pytest -n auto --dist loadgroup $(ARGS)

QUICK := not e2e and not browser and not server and not slow
test-quick: $(VENV)/.dev  ## the tests without pipelines, browsers, model servers and trainings
	$(BIN)/python -m pytest -n auto --dist loadgroup -m "$(QUICK)" $(ARGS)

# buildspec.yml is tried with the packages that it installs itself, in an environment of its own.
build-check:  ## install, check and test as CodeBuild does with a push
	test -x $(VENV)-build/bin/python || $(PYTHON) -m venv $(VENV)-build
	$(VENV)-build/bin/python -m pip install --quiet --disable-pip-version-check pyyaml -c constraints.txt
	PATH="$(abspath $(VENV)-build/bin):$$PATH" python -m tests.run_buildspec

lint: $(VENV)/.dev  ## check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy training_code inference_code lambda_code
	$(BIN)/mypy -p benchmarks

format: $(VENV)/.dev  ## mend what a tool can mend
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# What some tests need besides lies in folders beside the environment. What cannot be had is tried
# again by the next `make test`; the tests say themselves what they lack.
# SageMaker's training toolkits, as the images hold them: one is built by a C compiler.
$(VENV)/.toolkit: $(VENV)/.dev
	rm -rf $(VENV)/toolkit
	@$(call try,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(VENV)/toolkit sagemaker-training==5.1.1 sagemaker-pytorch-training==3.0.0 \
		retrying==1.3.7 inotify_simple==1.2.1 paramiko==5.1.0 bcrypt==5.0.0 pynacl==1.6.2 \
		invoke==3.0.3,AWS's training toolkit)

# What other servers than ours need.
$(VENV)/.torchserve: $(VENV)/.dev
	rm -rf $(VENV)/serving/torchserve
	@$(call try,$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps \
		--target $(VENV)/serving/torchserve torchserve==0.12.0 sagemaker-pytorch-inference==2.0.25,\
		TorchServe)

$(VENV)/.ray: $(VENV)/.dev
	rm -rf $(VENV)/serving/ray
	@$(call try,$(BIN)/python -m pip install --quiet --disable-pip-version-check \
		--target $(VENV)/serving/ray "ray[serve]==2.57.0" jinja2,Ray)

# A Debian to build the serving image on; half of one is none.
$(VENV)/.debian: $(VENV)/.dev
	@$(call try,test -d $(VENV)/serving/debian/etc || debootstrap --variant=minbase trixie \
		$(VENV)/serving/debian > $@.log || { tail -n 3 $@.log; rm -rf $(VENV)/serving/debian; false; },\
		Debian)

# What looks for barriers in the console's pages.
$(VENV)/.axe: $(VENV)/.dev
	@$(call try,npm install --loglevel=error --no-audit --no-fund --no-save --fetch-retries=1 \
		--fetch-timeout=60000 --prefix $(VENV)/axe axe-core@4.14.1 > /dev/null,axe-core)

# checkov wants older libraries than ours, so it lives in an environment of its own.
infra-check: $(VENV)/.dev  ## check the CloudFormation template
	$(BIN)/cfn-lint infra/template.yaml
	test -x $(VENV)-checkov/bin/checkov || { $(PYTHON) -m venv $(VENV)-checkov && \
		$(VENV)-checkov/bin/python -m pip install --quiet checkov==3.3.30; }
	$(VENV)-checkov/bin/checkov -f infra/template.yaml --framework cloudformation \
		--skip-download --quiet --compact

bench: $(VENV)/.dev  ## measure everything, into benchmarks/results and docs/performance.md; small: ARGS=--quick
	$(BIN)/python -m benchmarks $(if $(wildcard $(BENCH_DATA)),--data $(BENCH_DATA)) \
		$(if $(wildcard $(BENCH_WEIGHTS)),--weights $(BENCH_WEIGHTS)) $(ARGS)
	$(BIN)/python -m benchmarks.page

bench-smoke: $(VENV)/.dev  ## find out in half a minute whether a benchmark is broken
	$(BIN)/python -m benchmarks --smoke

backbones: $(VENV)/.dev  ## write the table of torchvision's models anew, after another version of it
	PYTHONPATH=training_code:inference_code $(BIN)/python -m pretrained.make_backbones \
		training_code/backbones.py

clean:  ## remove what was installed, and all runs
	rm -rf $(VENV) $(VENV)-checkov .local .pytest_cache .ruff_cache .mypy_cache .hypothesis

$(VENV)/.local: requirements.txt requirements-local.txt constraints.txt $(DEBUGGER)
	@$(or $(PYTHON),false) -c '$(SUPPORTED)' || { echo "Python 3.12, 3.13 or 3.11 is needed;" \
		"$(if $(PYTHON),$(PYTHON) is another,none of them runs here). Name one: make PYTHON=/path/to/python3.12"; exit 1; }
	@echo "Python: $$($(PYTHON) -c 'import sys; print(sys.version.split()[0], sys.executable)')"
	@test "$$($(BIN)/python -V 2>&1)" = "$$($(PYTHON) -V)" || $(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-local.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -r $(DEBUGGER)
	touch $@

$(VENV)/.dev: $(VENV)/.local requirements-dev.txt requirements-check.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	touch $@
