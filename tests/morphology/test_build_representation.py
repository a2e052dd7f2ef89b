from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from ml.encoders import read_encoder


def test_the_command_writes_an_encoder_and_its_card(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "mine.safetensors"
    call_command("build_representation", out=out, galaxies=128, epochs=1, processes=1)
    encoder = read_encoder(out)
    assert encoder.spec.hash[:12] in capsys.readouterr().out


@pytest.mark.parametrize(("galaxies", "name"), [(5, "mine.safetensors"), (128, "mine.pickle")])
def test_what_cannot_be_built_is_refused_before_it_is_tried(tmp_path: Path, galaxies: int, name: str) -> None:
    with pytest.raises(CommandError, match="expected at least 128"):
        call_command("build_representation", out=tmp_path / name, galaxies=galaxies)
