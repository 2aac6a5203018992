# make setup | demo | test | lint: each of the last three sets up first; nothing else is needed.
SHELL := /bin/bash
.ONESHELL:
.SHELLFLAGS := -euo pipefail -c
.PHONY: setup demo test lint

# The built package first, then the checkout in front of it, so that edits count at once.
ACTIVATE = set +u; source .venv/bin/activate; source .ros/install/setup.bash; set -u; \
	export PYTHONPATH="$(CURDIR)$${PYTHONPATH:+:$$PYTHONPATH}"

QUERY ?= hold
OBJECT ?= mug
METHOD ?= plsp
SEED ?= 0
OUT ?= demo

setup:
	@requirements/set_up.sh

demo: setup
	@$(ACTIVATE)
	affordance-grasp demo --query "$(QUERY)" --object "$(OBJECT)" --method "$(METHOD)" \
		--seed "$(SEED)" --out "$(OUT)"

test: setup
	@$(ACTIVATE)
	python -m pytest $(PYTEST)

lint: setup
	@source .venv/bin/activate
	ruff check
	ruff format --check
	mypy
