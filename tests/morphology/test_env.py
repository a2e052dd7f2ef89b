"""The readers of environment variables."""

import pytest
from django.core.exceptions import ImproperlyConfigured

from morphology import env


@pytest.fixture
def set_to(monkeypatch):
    return lambda value: monkeypatch.setenv("X", value)


def test_a_variable_that_is_unset_or_empty_has_its_default(monkeypatch, set_to, tmp_path):
    def read():
        return (
            env.text("X", "red"),
            env.flag("X", default=True),
            env.integer("X", 7),
            env.fraction("X", 0.1),
            env.words("X", "a,b"),
            env.folder("X", tmp_path),
        )

    monkeypatch.delenv("X", raising=False)
    unset = read()
    set_to("")
    assert unset == read() == ("red", True, 7, 0.1, ["a", "b"], tmp_path)


@pytest.mark.parametrize(
    ("value", "expected"), [("1", True), ("TRUE", True), ("on", True), ("0", False), ("no", False), ("Off", False)]
)
def test_a_flag_is_read(set_to, value, expected):
    set_to(value)
    assert env.flag("X") is expected


def test_numbers_words_and_folders_are_read(set_to, tmp_path):
    set_to("12")
    assert env.integer("X", 7, least=12) == 12
    set_to("0.25")
    assert env.fraction("X", 0.1) == 0.25
    set_to(" a, b ,,c")
    assert env.words("X") == ["a", "b", "c"]
    set_to(f"{tmp_path}/here/../there")
    assert env.folder("X", tmp_path) == tmp_path / "there"


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (env.flag, "maybe"),
        (lambda name: env.integer(name, 7), "seven"),
        (lambda name: env.integer(name, 7), "-1"),
        (lambda name: env.integer(name, 7), "1.5"),
        (lambda name: env.integer(name, 7), "²"),
        (lambda name: env.integer(name, 7, least=5), "4"),
        (lambda name: env.fraction(name, 0.1), "1.1"),
        (lambda name: env.fraction(name, 0.1), "nan"),
        (lambda name: env.fraction(name, 0.1), "half"),
    ],
)
def test_nonsense_is_refused_with_the_variables_name_and_value(set_to, read, value):
    set_to(value)
    with pytest.raises(ImproperlyConfigured, match=f"X='{value}'"):
        read("X")
