# make setup | demo | test | integration | campaign | lint: all but the first set up first; nothing else is
# needed.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.PHONY: setup demo test integration campaign lint

# The built package first, then the checkout in front of it, so that edits count at once.
ACTIVATE = set +u; source .venv/bin/activate; source .ros/install/setup.bash; set -u; \
	export PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}"

QUERY ?= hold
OBJECT ?= mug
ROBOT ?= aubo_i5
METHOD ?= plsp
SEED ?= 0
OUT ?= demo

setup:
	@requirements/set_up.sh

demo: setup
	@$(ACTIVATE)
	affordance-grasp demo --query "$(QUERY)" --object "$(OBJECT)" --method "$(METHOD)" \
		--robot-file "config/$(ROBOT).yaml" --seed "$(SEED)" --out "$(OUT)"

RUN ?= python -m pytest
# Whole files go to two processes in the order of their names; test_graph.py takes longest.
WORKERS ?= 2
test: setup
	@$(ACTIVATE)
	$(RUN) -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(PYTEST)

# What needs a complete ROS 2: the sourced one, else one made of wheels; left out where none can be.
# What fails of the tests that are marked as starting processes is tried once more, alone.
INTEGRATION ?= test/integration test/test_launch.py
integration:
	@requirements/complete_ros.sh python .ci/try_again.py $(PYTEST) $(INTEGRATION)

# Seeded faults in running graphs and hostile files, judged from outside: docs/reliability.md. It goes
# on where it ended.
N ?= 1000
FAULTS ?= $(N)
FILES ?= $(N)
RUNS ?= runs/campaign
campaign: setup
	@$(ACTIVATE)
	export PYTHONPATH="$(CURDIR)/test:$$PYTHONPATH"
	python -m campaign faults --seeds "0:$(FAULTS)" --journal "$(RUNS)/faults.jsonl" \
		--logs "$(RUNS)/logs" --workers "$(WORKERS)" && faults=0 || faults=$$?
	python -m campaign.hostile --seeds "0:$(FILES)" --journal "$(RUNS)/files.jsonl" \
		--workers "$(WORKERS)"
	exit $$faults

lint: setup
	@source .venv/bin/activate
	ruff check
	ruff format --check
	mypy
