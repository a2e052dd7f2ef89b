"""Pictures of the simulated sky, drawn by two processes when there are many."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from morphology.rehearsal import drawing
from tests.morphology.processes import ROOT

DRAWING = """
import sys
from pathlib import Path
from morphology.rehearsal import drawing
if __name__ == "__main__":
    drawing.MANY = 2
    for row, truth in drawing.drawn(1_000_000, Path(sys.argv[1]), size_px=16, seed=1):
        print(row["id"], flush=True)
"""


def test_two_processes_draw_what_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "images").mkdir()
    one = list(drawing.drawn(3, tmp_path, size_px=16, seed=1))
    monkeypatch.setattr(drawing, "MANY", 2)
    two = list(drawing.drawn(3, tmp_path, size_px=16, seed=1))
    assert [row for row, _ in one] == [row for row, _ in two]
    assert all((a == b).all() for (_, a), (_, b) in zip(one, two, strict=True))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux tells a child of its parent's death")
def test_whoever_draws_ends_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    script = tmp_path / "draw.py"
    script.write_text(DRAWING)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = subprocess.Popen([sys.executable, script, tmp_path], stdout=subprocess.PIPE, text=True, env=environment)
    assert command.stdout is not None and command.stdout.readline().startswith("sim-")
    children = children_of(command.pid)
    assert len(children) >= 2
    command.send_signal(signal.SIGKILL)
    command.wait()
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{child}/cmdline").exists() for child in children):
        assert time.monotonic() < deadline
        time.sleep(0.05)


def children_of(pid: int) -> list[int]:
    return [
        int(word) for task in Path(f"/proc/{pid}/task").iterdir() for word in (task / "children").read_text().split()
    ]
