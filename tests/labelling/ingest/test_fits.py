import resource

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelling.errors import IngestError
from labelling.ingest.originals import Original, read_original
from labelling.ingest.pictures import picture_of
from labelling.ingest.raster import Picture
from tests.labelling.ingest.pictures import fits_bytes, fits_header, sky, tan_wcs


def decode(*contents: bytes, bands: tuple[str, ...] = ()) -> Picture:
    return picture_of([Original(f"{i}.fits", content) for i, content in enumerate(contents)], bands)


def planes(picture: Picture) -> list[int]:
    return [band["plane"] for band in picture.stretch["bands"]]


def test_a_cube_becomes_colour_with_the_reddest_band_red():
    picture = decode(fits_bytes(sky(3), BANDS="grz"))
    rgb = np.asarray(picture.rgb)
    assert picture.rgb.size == (48, 48)
    assert [(band["name"], band["weight"]) for band in picture.stretch["bands"]] == [
        ("z", 0.74),
        ("r", 1.0),
        ("g", 1.75),
    ]
    # z is four times as bright as g, so even weighted the middle is red: .74 * 4 > 1 * 2 > 1.75 * 1.
    assert rgb[24, 24, 0] > rgb[24, 24, 1] > rgb[24, 24, 2] > 0


def test_one_file_a_band_gives_what_a_cube_gives():
    cube = sky(3)
    from_cube = decode(fits_bytes(cube), bands=("g", "r", "z"))
    from_files = decode(*(fits_bytes(band) for band in cube), bands=("g", "r", "z"))
    assert (np.asarray(from_cube.rgb) == np.asarray(from_files.rgb)).all()
    assert from_cube.stretch == from_files.stretch


def test_one_band_is_grey():
    rgb = np.asarray(decode(fits_bytes(sky()[0])).rgb)
    assert (rgb == rgb[..., :1]).all()
    assert rgb.max() > 240


def test_the_first_row_of_fits_is_shown_at_the_bottom():
    pixels = sky()[0]
    pixels[4, 4] = 5000
    rgb = np.asarray(decode(fits_bytes(pixels)).rgb)
    assert rgb[48 - 1 - 4, 4, 0] == 255


def test_the_sky_is_taken_away_before_the_stretch():
    without = decode(fits_bytes(sky()[0].astype(np.float64)))
    left_in = decode(fits_bytes(sky().astype(np.float64)[0] + 1070))
    assert (np.asarray(without.rgb) == np.asarray(left_in.rgb)).all()
    assert left_in.stretch["bands"][0]["sky"] == pytest.approx(1070, abs=0.5)


def test_the_stretch_is_stated_so_that_it_can_be_done_again():
    pixels = sky()[0].astype(np.float64)
    picture = decode(fits_bytes(pixels))
    stated = picture.stretch
    flux = pixels - stated["bands"][0]["sky"] - stated["minimum"]
    by_hand = np.arcsinh(flux / stated["softening"]) / np.arcsinh(stated["Q"])
    expected = (np.clip(by_hand, 0, 1) * 255).round()[::-1]
    assert np.abs(np.asarray(picture.rgb)[..., 0] - expected).max() <= 1


@pytest.mark.parametrize(
    ("bands", "chosen"),
    [
        ("grz", [2, 1, 0]),
        ("grizy", [2, 1, 0]),
        ("ugriz", [3, 2, 1]),
        ("zrg", [0, 1, 2]),
        ("yjh", [2, 1, 0]),
        ("", [2, 1, 0]),
    ],
)
def test_i_r_g_or_z_r_g_are_shown_as_galaxy_zoo_shows_them(bands, chosen):
    picture = decode(fits_bytes(sky(max(len(bands), 3))), bands=tuple(bands))
    assert planes(picture) == chosen
    assert picture.stretch["bands_are_named"] == bool(bands)


def test_the_header_of_each_file_may_name_its_band():
    g, r, z = sky(3)
    picture = decode(fits_bytes(z, FILTER="z"), fits_bytes(g, FILTER="g"), fits_bytes(r, FILTER="r"))
    assert planes(picture) == [0, 2, 1]


def test_some_pixels_without_measurement_are_shown_as_sky():
    pixels = sky()[0]
    pixels[30, 10:20] = np.nan
    picture = decode(fits_bytes(pixels))
    assert picture.stretch["bands"][0]["n_bad_pixels"] == 10
    assert (np.asarray(picture.rgb)[48 - 1 - 30, 10:20] < 80).all()


def test_scaled_integers_are_read_as_what_they_mean():
    counts = (sky()[0] * 100 + 40_000).round()
    scaled = decode(fits_bytes(counts.astype(np.uint16)))  # BITPIX 16 and BZERO 32768
    assert scaled.stretch["bands"][0]["sky"] == pytest.approx(40_000, abs=50)


def test_the_wcs_gives_centre_scale_and_orientation():
    picture = decode(fits_bytes(sky()[0], **tan_wcs(359.99999, -1.5, scale_arcsec=0.262)))
    assert picture.centre_deg == pytest.approx((359.99999, -1.5))
    assert picture.pixel_scale_arcsec == pytest.approx(0.262)
    assert picture.stretch["north_deg"] == pytest.approx(0, abs=1e-3)
    assert picture.stretch["east_is_left_of_north"] is True


def test_a_mirrored_and_turned_image_is_said_to_be_so():
    cards = tan_wcs(10, 0) | {"CDELT1": 0.262 / 3600, "CDELT2": -0.262 / 3600}
    upside_down = decode(fits_bytes(sky()[0], **cards))
    assert abs(upside_down.stretch["north_deg"]) == pytest.approx(180, abs=1e-3)
    assert upside_down.stretch["east_is_left_of_north"] is True
    mirrored = decode(fits_bytes(sky()[0], **(tan_wcs(10, 0) | {"CDELT1": 0.262 / 3600})))
    assert mirrored.stretch["east_is_left_of_north"] is False


@pytest.mark.parametrize(
    "cards",
    [
        {},
        {"CTYPE1": "FREQ", "CTYPE2": "TIME"},
        tan_wcs(10, 0) | {"CDELT1": 0.0, "CDELT2": 0.0},
        tan_wcs(10, 0, scale_arcsec=1e9),
        tan_wcs(10, 0) | {"CRVAL1": "ten"},
        tan_wcs(10, 0) | {"CTYPE1": "RA---TAN-SIP", "CTYPE2": "DEC--TAN-SIP", "A_ORDER": 1_000_000, "CDELT1": 0.0},
    ],
)
def test_a_wcs_that_makes_no_sense_is_none(cards):
    picture = decode(fits_bytes(sky()[0], **cards))
    assert (picture.centre_deg, picture.pixel_scale_arcsec) == (None, None)


def bad(n_bands: int, plane: int, value: float, part: float) -> bytes:
    pixels = sky(n_bands)
    pixels[plane].flat[: int(part * 48 * 48)] = value
    return fits_bytes(pixels if n_bands > 1 else pixels[0])


@pytest.mark.parametrize(
    ("contents", "bands", "expected"),
    [
        ([bad(1, 0, np.nan, 1)], (), "0.fits: band 1: no finite pixel"),
        ([bad(1, 0, np.inf, 1)], (), "no finite pixel"),
        ([bad(1, 0, 0, 1)], (), "100% of its pixels are zero or not finite"),
        ([bad(3, 1, 0, 0.75)], ("g", "r", "z"), "band r: 75% of its pixels are zero or not finite; expected at most"),
        ([fits_bytes(np.full((48, 48), 7, dtype=np.float32))], (), "every pixel has the same value"),
        ([fits_bytes(sky()[0].astype(np.float64) * 1e305)], (), "a pixel of .*e.306; expected at most 1e.100"),
        ([fits_bytes(sky(2))], (), "2 bands; expected 1, or 3 and more"),
        ([fits_bytes(sky(3))], ("g", "r"), "3 bands, and names for 2: g, r"),
        ([fits_bytes(sky(3)[None])], (), "NAXIS = 4; expected 2"),
        ([fits_bytes(sky()[0, 0])], (), "NAXIS = 1; expected 2"),
        ([fits_bytes(sky()[0]), fits_bytes(sky(3)), fits_bytes(sky()[0])], (), "1.fits: 3 bands; expected one a file"),
        ([fits_bytes(sky()[0]), fits_bytes(sky(side_px=40)[0])], (), "1.fits: 40 x 40 pixels; expected 48 x 48"),
        ([fits_bytes(sky()[0])[:-5760]], (), "truncated"),
        ([fits_header(NAXIS=0)], (), "no image in it"),
        ([fits_header(NAXIS=2, NAXIS1=48, NAXIS2=48)], (), "truncated: 2880 bytes, and its header claims 12096"),
        ([fits_header(NAXIS=2, NAXIS1=48, NAXIS2=-48)], (), "broken FITS"),
        ([fits_header(NAXIS=2, NAXIS1=0, NAXIS2=48)], (), "expected whole numbers above 0"),
        ([b"SIMPLE  =                    T"], (), "broken FITS|no image"),
        ([b"SIMPLE  =" + b"\xff" * 5760], (), "broken FITS|no image"),
    ],
)
def test_fits_that_cannot_be_shown_is_refused_with_its_reason(contents, bands, expected):
    with pytest.raises(IngestError, match=expected):
        decode(*contents, bands=bands)


@pytest.mark.parametrize(
    "axes", [(31_623, 31_623), (100_000, 100_000), (10_000, 10_000), (8_000, 8_000), (4_000, 4_000, 10)]
)
def test_a_header_that_claims_too_much_is_refused_before_it_is_read(axes):
    content = fits_header(NAXIS=len(axes), **{f"NAXIS{i}": length for i, length in enumerate(axes, 1)})
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(IngestError, match=r"the header claims .* expected at most 50000000"):
        decode(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 20_000


GOOD = fits_bytes(sky(3, side_px=12), **tan_wcs(10, 0))


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_a_broken_header_is_a_picture_or_refused(data):
    broken = bytearray(GOOD)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(9, 1500))] = data.draw(st.integers(0, 255))
    try:
        decode(bytes(broken))
    except IngestError as refused:
        assert str(refused).startswith("0.fits: ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("grz_truncated.fits", "truncated: 1389044 bytes"),
        ("grz_bad_bands.fits", "band r: 73% of its pixels are zero or not finite"),
    ],
)
def test_a_real_broken_cutout_is_refused(shared, name, expected):
    with pytest.raises(IngestError, match=expected):
        picture_of([read_original(shared("data/fits"), name)], ())


@pytest.mark.parametrize(
    ("name", "side_px", "scale_arcsec", "n_colours"),
    [
        ("grz_good_dr3_424px.fits", 424, 0.1, 3),
        ("grz_good_dr5_424px.fits", 424, 0.1414, 3),
        ("grz_good_dr5_225px.fits", 225, 0.262, 3),
        ("hsc_grizy_54px.fits", 54, 0.168, 3),
        ("hst_f814w_250px.fits", 250, 0.03, 1),
        ("sdss_r_1237671124296532233.fits", 148, 0.396, 1),
        ("sdss_g_587722984439545906.fits", 167, None, 1),
        ("sdss_g_587742578064883788.fits", 167, None, 1),
    ],
)
def test_a_real_cutout_is_shown(shared, name, side_px, scale_arcsec, n_colours):
    picture = picture_of([read_original(shared("data/fits"), name)], ())
    rgb = np.asarray(picture.rgb)
    assert rgb.shape == (side_px, side_px, 3)
    assert picture.pixel_scale_arcsec == (scale_arcsec and pytest.approx(scale_arcsec, rel=1e-3))
    assert len(picture.stretch["bands"]) == n_colours
    # A dark sky, something bright, and neither washed out.
    assert np.median(rgb[:5]) < 60
    assert rgb.max() > 200
    assert (rgb > 250).mean() < 0.02


def test_the_sky_left_in_a_real_cutout_is_found(shared):
    picture = picture_of([read_original(shared("data/fits"), "sdss_r_1237671124296532233.fits")], ())
    assert picture.stretch["bands"][0]["sky"] == pytest.approx(1085, abs=3)
