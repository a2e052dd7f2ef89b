"""A published encoder is loaded by name as its hub serves it: from a server here that answers as the hub does."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import safetensors.torch
import timm
import torch

from ml.encoders import ZOOBOT, Encoder, embed
from tests.morphology.processes import ROOT

ARCHITECTURE = "test_resnet.r160_in1k"
SIZE = 64
COMMIT = "0123456789abcdef0123456789abcdef01234567"
CONFIG = {
    "architecture": ARCHITECTURE.partition(".")[0],
    "num_classes": 0,
    "pretrained_cfg": {
        "input_size": [3, SIZE, SIZE],
        "mean": [0.485, 0.456, 0.406],
        "std": [0.229, 0.224, 0.225],
        "num_classes": 0,
        "pool_size": [2, 2],
        "first_conv": "conv1.0",
        "classifier": "fc",
    },
}

ASK = """
import sys
import numpy as np
from ml.encoders import embed, load_encoder
encoder = load_encoder(sys.argv[1])
print(encoder.spec.hash, encoder.spec.size_px, encoder.spec.mean, encoder.spec.std)
np.save(sys.argv[2], embed(encoder, np.load(sys.argv[3])))
"""


def pictures():
    return np.random.default_rng(0).integers(0, 256, (4, SIZE, SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(7)
    return timm.create_model(ARCHITECTURE, pretrained=False, num_classes=0).eval()


@pytest.fixture(scope="module")
def hub(network):
    """The address of a server that holds one encoder under two names; and every path that it was asked for."""
    files = {
        "config.json": json.dumps(CONFIG).encode(),
        "model.safetensors": safetensors.torch.save(network.state_dict()),
    }
    asked = []

    class Hub(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self, *, has_body):
            asked.append(f"{self.command} {self.path}")
            owner_and_name, _, name = self.path.lstrip("/").partition("/resolve/main/")
            body = files.get(name, b"") if owner_and_name.startswith(("mwalmsley/", "somebody/")) else b""
            self.send_response(200 if body else 404)
            self.send_header("X-Repo-Commit", COMMIT)
            self.send_header("ETag", f'"{hashlib.sha256(body).hexdigest()}"')
            if not body:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if has_body:
                self.wfile.write(body)

        def do_HEAD(self):
            self.answer(has_body=False)

        def do_GET(self):
            self.answer(has_body=True)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()


def load(name, hub, tmp_path):
    """What a process of its own, whose hub is that server, says of the encoder; and its features."""
    np.save(tmp_path / "pictures.npy", pictures())
    proxies = {"http_proxy", "https_proxy", "all_proxy"}
    environment = {k: v for k, v in os.environ.items() if k.lower() not in proxies and not k.startswith("HF_")}
    environment |= {"HF_ENDPOINT": hub[0], "HF_HOME": str(tmp_path / "cache"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    arguments = [name, str(tmp_path / "features.npy"), str(tmp_path / "pictures.npy")]
    done = subprocess.run(
        [sys.executable, "-c", ASK, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, check=False
    )
    return done, np.load(tmp_path / "features.npy") if done.returncode == 0 else None


@pytest.mark.processes
def test_a_zoobot_encoder_comes_from_the_hub_and_sees_rgb_between_0_and_1(hub, network, tmp_path):
    name = f"{ZOOBOT}tiny"
    done, features = load(name, hub, tmp_path)
    assert done.returncode == 0, done.stderr
    assert f"GET /{name.removeprefix('hf_hub:')}/resolve/main/model.safetensors" in hub[1]
    mine = Encoder(name, network, name=name, size_px=SIZE)  # no mean taken off, nothing divided
    assert done.stdout.split(maxsplit=2) == [mine.spec.hash, str(SIZE), "(0.0, 0.0, 0.0) (1.0, 1.0, 1.0)\n"]
    assert features.astype(float) == pytest.approx(embed(mine, pictures()).astype(float), rel=1e-2, abs=1e-2)


@pytest.mark.processes
def test_anybody_elses_encoder_sees_what_its_config_says(hub, network, tmp_path):
    done, features = load("hf_hub:somebody/tiny", hub, tmp_path)
    assert done.returncode == 0, done.stderr
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    mine = Encoder("x", network, name="x", size_px=SIZE, mean=mean, std=std)
    assert done.stdout.strip().endswith(f"{SIZE} {mean} {std}")
    assert features.astype(float) == pytest.approx(embed(mine, pictures()).astype(float), rel=1e-2, abs=1e-2)


@pytest.mark.processes
def test_a_name_that_the_hub_does_not_have_is_refused(hub, tmp_path):
    done, _ = load("hf_hub:nobody/nothing", hub, tmp_path)
    assert done.returncode != 0
    assert "CheckpointError: encoder 'hf_hub:nobody/nothing' cannot be made" in done.stderr
