# `make help` lists what there is. Everything made lies in .cache (rebuildable), .sandbox (running) and reports.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
export PATH := $(CURDIR)/.cache/venv/bin:$(PATH)
BUILT := .cache/build/elastigrid-site-$(shell awk '$$1 == "version:" {print $$2}' galaxy.yml).tar.gz
SANDBOX_PLAYBOOK := ansible-playbook -i inventories/sandbox

.PHONY: help bootstrap venv sandbox sandbox-destroy test test-long lint sanity units build test-sandbox test-sandbox-long test-vm test-vm-long test-roles cloud cloud-destroy test-cloud test-cloud-long molecule fuzz benchmarks clean

help: ## say what the targets do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "%-16s %s\n", $$1, $$2}' Makefile

bootstrap: ## install the host packages that the sandbox and the tests need (root on Debian), else name them
	@tools/bootstrap base sandbox vm

venv: ## make the virtual environment with Ansible and the test tools in .cache/venv
	@tools/bootstrap base
	@tools/pythons.py venv

sandbox: venv ## make the sandbox site, or what is missing of it, and check it as a user would
	@tools/bootstrap sandbox
	@tools/sandbox.py up
	@$(SANDBOX_PLAYBOOK) playbooks/site.yml
	@$(SANDBOX_PLAYBOOK) playbooks/verify.yml
	@tools/sandbox.py info

# A node that is made anew under its old name must not be taken for the old one: the facts go too.
sandbox-destroy: venv ## remove every trace of the sandbox site, but not the caches
	@tools/sandbox.py destroy
	@rm -rf .cache/facts

test: ## run all tests that a change must pass, two at a time; logs and times in reports/stages
	@tools/stages.py test

test-long: ## run the rest: molecule scenarios, fault campaigns and benchmarks (hours)
	@tools/stages.py test-long

lint: venv ## check roles, playbooks, plugins and tools with ansible-lint, yamllint, ruff and shellcheck
	@ansible-lint --offline
	@yamllint --strict .
	@ruff check --quiet
	@shellcheck tools/bootstrap .ci/run

sanity: venv ## run ansible-test sanity under each Python
	@tools/pythons.py sanity

units: venv ## run the unit tests under each Python
	@tools/pythons.py units

build: venv ## build the collection archive and let Galaxy's importer judge it
	@ansible-galaxy collection build --force --output-path .cache/build
	@cd .cache/build && python -m galaxy_importer.main $(notdir $(BUILT))

test-sandbox: venv ## look at the converged sandbox with pytest
	@pytest tests/sandbox -m "not campaign" --junitxml=reports/sandbox.xml

test-sandbox-long: sandbox ## drain and update the workers of the sandbox with jobs running all through
	@pytest tests/sandbox -m campaign --junitxml=reports/sandbox-long.xml

test-vm: venv ## run the virtual machine scenario: kernel NFS, cgroup limits
	@tools/bootstrap vm
	@trap 'tools/vm.py down' EXIT; \
	tools/vm.py up; \
	ansible-playbook -i inventories/vm/hosts.yml tests/vm/converge.yml; \
	pytest tests/vm -m "not campaign" --junitxml=reports/vm.xml

test-vm-long: venv ## run a pool of HTCondor in a virtual machine: cgroup limits
	@tools/bootstrap vm
	@trap 'tools/vm.py down' EXIT; \
	tools/vm.py up -i inventories/vm/condor.yml; \
	ansible-playbook -i inventories/vm/condor.yml tests/vm/condor.yml; \
	pytest tests/vm -m campaign --junitxml=reports/vm-long.xml

test-roles: venv ## run the scenarios of the roles that the sandbox site does not have, with stand-ins for their software
	@tools/bootstrap sandbox
	@for scenario in cvmfs act; do ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.cache/collections molecule test --scenario-name $$scenario; done

cloud: venv ## start an OpenStack to test against, if there is none, and say how to use it
	@tools/bootstrap sandbox
	@tools/cloud.py up

cloud-destroy: venv ## remove the OpenStack with all that is in it, but not its images
	@tools/cloud.py down

# A fresh OpenStack for a command, and none afterwards.
WITH_CLOUD = tools/bootstrap sandbox; trap 'tools/cloud.py down' EXIT; tools/cloud.py down; tools/cloud.py up; \
	OS_CLIENT_CONFIG_FILE=$(CURDIR)/.sandbox/cloud/clouds.yaml

test-cloud: venv ## run the tests that need an OpenStack, and a site from credentials to a job and back
	@$(WITH_CLOUD) pytest tests/cloud -m "not campaign" --junitxml=reports/cloud.xml

test-cloud-long: venv ## run the fault campaigns: killed at many moments, with an API that fails now and then
	@$(WITH_CLOUD) pytest tests/cloud -m campaign --junitxml=reports/cloud-long.xml

molecule: venv ## run each role's molecule scenario
	@tools/bootstrap sandbox
	@ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.cache/collections molecule test --all

FUZZ_SECONDS ?= 300
fuzz: venv ## fuzz gridmap's parsers, guided by coverage, FUZZ_SECONDS each (twelve of them, two at a time)
	@python -m pip install --disable-pip-version-check -qq atheris==3.0.0
	@rm -rf .cache/fuzz
	@python tests/unit/fuzz.py .cache/fuzz all $(FUZZ_SECONDS)

benchmarks: venv ## measure, and write docs/benchmarks.md
	@$(WITH_CLOUD) pytest tests/benchmarks --junitxml=reports/benchmarks.xml

clean: ## remove the sandbox, all caches and reports
	@tools/vm.py down
	@if command -v podman >/dev/null && [[ -e .cache/venv ]]; then tools/cloud.py clean; tools/sandbox.py clean; fi
	@rm -rf .cache .sandbox .ansible .pytest_cache .ruff_cache reports tests/output
