# Two commands for a newcomer: `make run` and `make test`. They need Python 3.11 or later with its venv, and nothing else.

PYTHON ?= python3
BIN := .venv/bin
STUDY := parameters/durability_2016.yaml
MONTHLY := parameters/monthly_2017.yaml
# several kernels share the cores already
export OPENBLAS_NUM_THREADS := 1

# start_here is not among them: what it shows of this machine's runs is not committed
NOTEBOOKS := $(wildcard notebooks/[0-9]*.ipynb notebooks/lessons/*.ipynb docs/examples/*.ipynb)

# two processes, a file or a notebook in one of them; the notebooks are the longest and so come first
PYTEST := $(BIN)/python -m pytest -n 2 --dist loadfile --no-loadscope-reorder --nbval notebooks docs/examples tests

.PHONY: run cohorts test test-all bench lab book notebooks exports lock clean

run: .venv/installed  ## the whole study: every service, every step, and the report
	@$(BIN)/durability run $(MONTHLY) --notebook 01_cleaning --quiet  # what 10_relapse reads in an editor
	$(BIN)/durability run $(STUDY)

cohorts: .venv/installed  ## what the notebooks read
	@$(BIN)/durability run $(MONTHLY) --notebook 01_cleaning --quiet
	@$(BIN)/durability run $(STUDY) --notebook 01_cleaning --quiet

test: cohorts  ## what guards a change, the notebooks' stored outputs included: about seven minutes
	$(PYTEST) -m "not slow"

test-all: cohorts  ## the same and all that is slow, each with its reason
	$(PYTEST)

bench: .venv/installed  ## how fast it is, side by side with other ways: four hours or more
	for script in tests/benchmarks/*.py; do echo; echo "$$script"; $(BIN)/python "$$script"; done

lab: .venv/installed  ## JupyterLab on the notebook that says where to begin
	$(BIN)/jupyter lab --ServerApp.root_dir=. notebooks/start_here.ipynb

book: .venv/installed  ## everything to read, as pages that need no network: build/book/index.html
	rm -rf build/book
	$(BIN)/sphinx-build -W --keep-going --quiet -E -d build/doctrees -c docs . build/book

notebooks: cohorts  ## re-execute the committed notebooks, clean their metadata, renew the README's picture
	$(BIN)/jupyter nbconvert --to notebook --execute --inplace $(NOTEBOOKS)
	$(BIN)/nbstripout --keep-output --keep-count --keep-id \
		--extra-keys "metadata.language_info.version cell.metadata.execution" $(NOTEBOOKS)
	cp results/durability_2016/all/all/figures/reliable_improvement_path.png docs/

exports: .venv/installed  ## write the synthetic exports anew (the same bytes)
	$(BIN)/python -c "from durability_utils.synthetic.cohort import study_cohort; \
		from durability_utils.synthetic.exports import write_exports; write_exports(study_cohort(), 'data/raw')"
	$(BIN)/python -c "from durability_utils.synthetic.monthly import write_export; write_export('data/raw')"
	$(BIN)/python -c "from durability_utils.synthetic.example import write_example, \
		write_example_tables; write_example('data/example'); write_example_tables('data/example')"

lock: .venv/installed  ## resolve the dependencies of pyproject.toml anew
	$(BIN)/uv pip compile pyproject.toml --extra dev --extra cluster --extra book --universal --python-version 3.11 \
		--generate-hashes --no-header --no-emit-index-url --output-file requirements.lock

clean:
	rm -rf .venv results build

.venv/installed: requirements.lock pyproject.toml
	@found=$$($(PYTHON) -c "import sys; print('Python ' + sys.version.split()[0]); \
		sys.exit(sys.version_info < (3, 11))" 2>/dev/null) || { echo "$(PYTHON) is $${found:-missing or no Python}; \
	install Python 3.11 or later, or name one: make PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c "import venv, ensurepip" 2>/dev/null || { echo "$(PYTHON) cannot make environments; on Debian and \
	Ubuntu install python3-venv (as root: apt-get install python3-venv)" >&2; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	$(BIN)/python -m compileall -q durability_utils
	# JupyterLab asks no question about news before anything is read
	$(BIN)/jupyter labextension disable "@jupyterlab/apputils-extension:announcements" 2>/dev/null
	touch $@
