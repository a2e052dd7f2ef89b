"""The example pictures that ship: every answer has its three, small, and drawn again they are the same."""

import io
import json
from pathlib import Path

import PIL.Image
import pytest
from django.core.management import call_command

from ml.schema import load, shipped
from morphology import examples

INDEX = json.loads((examples.FOLDER / examples.INDEX).read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", shipped())
def test_every_answer_of_every_tree_has_three_pictures(name: str) -> None:
    for column in load(name).columns:
        assert len(INDEX[column]) == examples.N_EACH, column
        for picture in INDEX[column]:
            assert (examples.FOLDER / picture["file"]).is_file()


def test_they_are_small_and_what_the_index_names() -> None:
    files = {path.name for path in examples.FOLDER.iterdir()} - {examples.INDEX}
    assert files == {picture["file"] for pictures in INDEX.values() for picture in pictures}
    sizes = [(examples.FOLDER / name).stat().st_size for name in files]
    assert max(sizes) <= 5000 and sum(sizes) <= 1_000_000
    for name in files:
        with PIL.Image.open(examples.FOLDER / name) as picture:
            assert (picture.format, picture.size) == ("WEBP", (examples.SIZE_PX, examples.SIZE_PX))


def test_no_answer_has_a_galaxy_twice_nor_shares_it_with_another_of_its_question() -> None:
    for name in shipped():
        for question in load(name).questions:
            galaxies = [picture["galaxy"] for column in question.columns for picture in INDEX[column]]
            assert len(set(galaxies)) == len(galaxies), question.key


def test_most_of_those_asked_would_give_the_answer() -> None:
    # Of what the simulator's crowd cannot agree on, the clearest galaxies there are.
    doubted = {column for column, pictures in INDEX.items() if min(each["fraction"] for each in pictures) < 0.75}
    assert all(each["fraction"] > 0.5 for pictures in INDEX.values() for each in pictures)
    assert {column.rpartition("_")[0] for column in doubted} <= {
        "bulge-shape", "edge-on-bulge", "bulge-size", "odd-feature", "spiral-arm-count", "spiral-winding"
    }  # fmt: skip


def test_drawn_again_the_pictures_are_the_same() -> None:
    for column in ("bar_yes", "odd-feature_ring", "smooth-or-featured_artifact"):
        picture = INDEX[column][0]
        assert examples.render(picture["galaxy"]) == (examples.FOLDER / picture["file"]).read_bytes(), column


def test_the_choice_is_the_same_each_time() -> None:
    assert examples.choose(300) == examples.choose(300)


def test_the_command_writes_pictures_and_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"bar_yes": [examples.Chosen("bar_yes", 4, 0.9)]}
    monkeypatch.setattr(examples, "choose", lambda: few)
    (tmp_path / "old-1.webp").write_bytes(b"")
    told = io.StringIO()
    call_command("draw_examples", out=tmp_path, stdout=told)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bar_yes-1.webp", "index.json"]
    assert "1 pictures" in told.getvalue()
