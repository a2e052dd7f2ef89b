import dataclasses

import numpy as np
import pytest

from ml.simulate.galaxies import simulate, simulate_one
from ml.simulate.morphology import Morphology, draw
from ml.simulate.render import render
from ml.simulate.truth import TREE, apparent_axis_ratio, vote_probabilities

SIZE = 48


def plain(**changes: object) -> Morphology:
    """A large, bright, well-resolved round elliptical, with what the test changes."""
    smooth = next(
        m for m in (draw(np.random.default_rng((1, i))) for i in range(200)) if m.kind == "smooth" and m.oddity == ""
    )
    basis = dataclasses.replace(
        smooth,
        axis_ratio=0.95,
        brightness=40.0,
        radius=0.35,
        psf_fwhm=0.02,
        noise_length=0.01,
        bulge_fraction=0.1,
        centre_x=0.0,
        centre_y=0.0,
    )
    return dataclasses.replace(basis, **changes)


def spiral(**changes: object) -> Morphology:
    arms = {
        "kind": "disk",
        "n_arms": 2,
        "arm_contrast": 0.9,
        "arm_sharpness": 2.5,
        "pitch_deg": 20.0,
        "flocculence": 0.1,
    }
    return plain(**{**arms, **changes})


def chance(m: Morphology, column: str) -> float:
    return float(vote_probabilities(m)[TREE.columns.index(column)])


def test_sky_has_pictures_truths_and_places():
    galaxies = list(simulate(12, np.random.default_rng(5), SIZE))
    assert len({g.name for g in galaxies}) == 12
    for g in galaxies:
        assert g.image.shape == (SIZE, SIZE, 3)
        assert g.image.dtype == np.uint8
        assert 120 <= g.ra_deg <= 240
        assert 0 <= g.dec_deg <= 60
        assert 0 < g.redshift < 0.3
        assert g.latent["kind"] in {"smooth", "disk", "edge-on", "artifact"}


def test_same_seed_draws_the_same_sky():
    one, two = (list(simulate(4, np.random.default_rng(9), SIZE)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        assert a.name == b.name
        assert np.array_equal(a.image, b.image)
        assert np.array_equal(a.truth, b.truth)
    assert not np.array_equal(one[0].image, next(simulate(1, np.random.default_rng(10), SIZE)).image)


def test_galaxy_is_the_same_alone_as_in_its_sky():
    seed = int(np.random.default_rng(3).integers(2**63))
    third = list(simulate(4, np.random.default_rng(3), SIZE))[2]
    alone = simulate_one(seed, 2, SIZE)
    assert np.array_equal(third.image, alone.image)
    assert third.latent == alone.latent


def test_galaxy_is_the_same_at_every_size():
    likeness = []
    for index in range(12):
        small, large = simulate_one(4, index, 48), simulate_one(4, index, 144)
        assert small.latent == large.latent
        averaged = large.image.reshape(48, 3, 48, 3, 3).mean((1, 3))
        likeness.append(np.corrcoef(small.image.ravel(), averaged.ravel())[0, 1])
    assert np.median(likeness) > 0.9  # the noise is another, and drowns the faintest


def test_truth_of_every_question_sums_to_one():
    for i in range(300):
        truth = vote_probabilities(draw(np.random.default_rng((2, i))))
        assert np.isfinite(truth).all()
        assert (truth > 0).all()
        for part in TREE.slices.values():
            assert truth[part].sum() == pytest.approx(1)


def test_strong_bar_is_seen():
    assert chance(spiral(bar_strength=0.9, bar_length=0.5, bar_axis_ratio=0.3), "bar_yes") > 0.85
    assert chance(spiral(bar_strength=0.0), "bar_yes") < 0.1


def test_bar_is_lost_in_bad_seeing_and_in_noise():
    barred = spiral(bar_strength=0.7, bar_length=0.4, bar_axis_ratio=0.25)
    assert chance(dataclasses.replace(barred, psf_fwhm=0.25), "bar_yes") < 0.2
    assert chance(dataclasses.replace(barred, brightness=0.5), "bar_yes") < chance(barred, "bar_yes")


def test_bar_stands_in_the_picture_where_the_latent_galaxy_has_it():
    barred = spiral(
        n_arms=0, bar_strength=1.0, bar_length=0.6, bar_axis_ratio=0.2, bar_angle_rad=0.0, bulge_fraction=0.0
    )
    barred = dataclasses.replace(barred, position_angle_rad=0.0, axis_ratio=1.0)
    image = render(barred, np.random.default_rng(1), 96).astype(float).sum(-1)
    reach = int(0.4 * barred.radius * 48)
    assert image[48, 48 + reach] > 1.2 * image[48 + reach, 48]


def test_spiral_is_featured_and_elliptical_is_smooth():
    assert chance(spiral(), "smooth-or-featured_featured-or-disk") > 0.85
    assert chance(spiral(), "has-spiral-arms_yes") > 0.85
    assert chance(spiral(), "spiral-arm-count_2") > 0.6
    assert chance(plain(), "smooth-or-featured_smooth") > 0.85
    assert chance(plain(), "how-rounded_round") > 0.85


@pytest.mark.parametrize(("pitch_deg", "answer"), [(8.0, "tight"), (18.0, "medium"), (35.0, "loose")])
def test_winding_follows_the_pitch(pitch_deg, answer):
    assert chance(spiral(pitch_deg=pitch_deg), f"spiral-winding_{answer}") > 0.5


@pytest.mark.parametrize(
    ("fraction", "answer"), [(0.0, "no"), (0.06, "just-noticeable"), (0.25, "obvious"), (0.65, "dominant")]
)
def test_bulge_size_follows_the_bulge(fraction, answer):
    assert chance(spiral(bulge_fraction=fraction), f"bulge-size_{answer}") > 0.5


def test_edge_on_disk_is_seen_from_its_edge():
    edge_on = plain(kind="edge-on", thickness=0.08, bulge_shape="round")
    assert chance(edge_on, "disk-edge-on_yes") > 0.9
    assert chance(edge_on, "bulge-shape_round") > 0.6
    boxy = dataclasses.replace(edge_on, bulge_shape="boxy", bulge_fraction=0.3)
    assert chance(boxy, "bulge-shape_boxy") > 0.5
    bare = dataclasses.replace(edge_on, bulge_shape="no-bulge", bulge_fraction=0.0)
    assert chance(bare, "bulge-shape_no-bulge") > 0.8


@pytest.mark.parametrize("oddity", ["lens-or-arc", "disturbed", "merger", "dust-lane", "other"])
def test_odd_galaxy_is_called_odd_and_by_its_name(oddity):
    odd = plain(oddity=oddity, oddity_strength=1.0)
    assert chance(odd, "something-odd_yes") > 0.8
    names = [answer.key for answer in TREE.question["odd-feature"].answers]
    assert names[int(vote_probabilities(odd)[TREE.slices["odd-feature"]].argmax())] == oddity


def test_artifact_is_called_one():
    trail = plain(kind="artifact", artifact="trail")
    assert chance(trail, "smooth-or-featured_artifact") > 0.8


def test_smooth_galaxy_is_as_round_in_the_picture_as_in_its_truth():
    flat, round_ = plain(axis_ratio=0.3, position_angle_rad=0.0), plain(axis_ratio=1.0, position_angle_rad=0.0)
    assert chance(flat, "how-rounded_cigar") > chance(round_, "how-rounded_cigar")
    y, x = np.mgrid[-1:1:64j, -1:1:64j]
    ratio = []
    for m in (flat, round_):
        light = render(m, np.random.default_rng(2), 64).astype(float).sum(-1)  # no neighbour in this frame
        light[(np.hypot(x, y) > 0.6) | (light < 60)] = 0
        ratio.append(np.sqrt((light * y**2).sum() / (light * x**2).sum()))
    assert ratio[0] < 0.5
    assert ratio[1] == pytest.approx(1, abs=0.15)


def test_seeing_rounds_a_galaxy():
    flat = plain(axis_ratio=0.3)
    assert apparent_axis_ratio(dataclasses.replace(flat, psf_fwhm=0.3)) > apparent_axis_ratio(flat)


def test_every_kind_of_thing_can_be_rendered():
    wanted = {"ring", "lens-or-arc", "disturbed", "irregular", "other", "merger", "dust-lane", "trail", "star", "ghost"}
    for i in range(1500):
        m = draw(np.random.default_rng((8, i)))
        found = {m.oddity, m.artifact} & wanted
        if found:
            wanted -= found
            image = render(m, np.random.default_rng(i), SIZE)
            assert image.max() > 40
    assert not wanted
