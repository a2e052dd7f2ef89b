"""How a benchmark says what it measured: one JSON object as its last line, with command, date and machine; and a file.

What is told along the way goes to standard error.
"""

import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import torch


def publish(figures: Mapping[str, Any], *, seeds: Sequence[int] = (), out: Path | None = None) -> None:
    """Print the figures as one line, and keep them in the file `out` if there is one."""
    told = {**figures, "seeds": list(seeds), "command": command(), "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    told["machine"] = machine()
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    print(json.dumps(told), flush=True)


def command() -> str:
    """What was typed to start this process, without the path of the interpreter."""
    return " ".join(["python", *sys.orig_argv[1:]])


def machine() -> str:
    """Cores, processor, GPU and system."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else "no GPU"
    return f"{os.cpu_count()} cores, {_processor()}, {gpu}, {platform.system()}, Python {platform.python_version()}"


def tell(line: str) -> None:
    """To the person at the terminal."""
    print(line, file=sys.stderr, flush=True)


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.machine()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "unknown")
