# Two commands from nothing but Python 3.11: `make demo` and `make test`. Each makes .venv first; the second run is instant.
#   make demo                   a running Voorwerp on simulated galaxies, until Ctrl-C
#   make demo DATA=folder       the same on your images: folder/manifest.csv, and the images beside it
#   make demo REHEARSE=1        the loop without waiting for a person; one JSON report as the last line
#   make test  [PYTEST=...]     every test, the linters' among them      make lint    the linters alone
# PYTHON=python3.12 and TORCH=... (a requirement, a wheel, a folder of wheels) choose what is installed.
.PHONY: demo test lint messages
.DEFAULT_GOAL := demo
# manage.py on a leash: it ends in order when make is killed
MANAGE := exec .venv/bin/python -I -S morphology/leash.py --signal SIGTERM -- .venv/bin/python manage.py
export TORCH PYTHON

.venv/installed: requirements.txt .ci/install
	@.ci/install

demo: .venv/installed
ifeq ($(filter-out 0 no false,$(REHEARSE)),)
	@$(MANAGE) demo $(if $(DATA),--data "$(DATA)")
else
	@$(if $(VOORWERP_DATA),,rm -rf data/rehearsal; export VOORWERP_DATA="$(CURDIR)/data/rehearsal";) $(MANAGE) rehearse --simulated
endif

test: .venv/installed
	@.ci/system-packages
	@exec .venv/bin/python -m pytest $(PYTEST)

lint: .venv/installed
	@exec .venv/bin/python -m pytest -q tests/test_house.py

# after a text of a volunteers' page has changed; docs/translating.md
messages: .venv/installed
	@.ci/messages
