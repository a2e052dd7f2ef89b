import os
import subprocess
import sys

from tests.morphology.processes import ROOT

BEAT = "from morphology.celery import app; app.loader.init_worker(); app.finalize()"
WORKER = "from celery.apps.worker import Worker; import morphology.celery as c; Worker(app=c.app, pool='solo')"
LOOK = "; import sys; print('torch' in sys.modules, 'morphology.run_job' in c.app.tasks)"


def said_by(start: str) -> str:
    command = [sys.executable, "-c", f"import morphology.celery as c; {start}{LOOK}"]
    done = subprocess.run(command, cwd=ROOT, env=dict(os.environ), capture_output=True, text=True, check=True)
    return done.stdout.splitlines()[-1]


def test_the_schedule_starts_without_torch() -> None:
    assert said_by(BEAT) == "False False"


def test_a_worker_knows_the_jobs() -> None:
    assert said_by(WORKER) == "True True"
