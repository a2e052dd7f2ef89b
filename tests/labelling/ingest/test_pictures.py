import io
import resource

import numpy as np
import PIL.Image
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelling.errors import IngestError
from labelling.ingest.originals import Original
from labelling.ingest.pictures import picture_of
from labelling.ingest.raster import Picture
from labelling.ingest.renditions import network_rendition, page_rendition
from tests.labelling.ingest.pictures import disc, encoded, png_that_claims, tiff_that_claims


def decode(content: bytes, name: str = "a") -> Picture:
    return picture_of([Original(name, content)], ())


def pixels(picture: Picture) -> np.ndarray:
    return np.asarray(picture.rgb).astype(int)


@pytest.mark.parametrize("file_format", ["PNG", "TIFF"])
def test_a_lossless_file_comes_out_as_it_is(file_format):
    assert (pixels(decode(encoded(disc(), file_format))) == np.asarray(disc())).all()


def test_a_jpeg_comes_out_nearly_as_it_is():
    picture = decode(encoded(disc(), "JPEG", quality=95))
    assert np.abs(pixels(picture) - np.asarray(disc())).mean() < 3


@pytest.mark.parametrize("mode", ["1", "L", "P", "LA", "RGBA", "CMYK", "I;16"])
def test_every_kind_of_pixel_becomes_rgb(mode):
    file_format = "TIFF" if mode == "CMYK" else "PNG"
    grey = disc(colour=(200, 200, 200))
    image = (
        PIL.Image.fromarray(np.asarray(grey.convert("L")).astype(np.uint16) * 257)
        if mode == "I;16"
        else grey.quantize(256)
        if mode == "P"
        else grey.convert(mode)
    )
    found = pixels(decode(encoded(image, file_format)))
    tolerance = 60 if mode == "1" else 3  # black and white dots are grey on average alone
    assert np.abs(found - np.asarray(grey)).mean() < tolerance


def test_sixteen_bits_are_scaled_and_not_clipped():
    image = PIL.Image.fromarray(np.full((16, 16), 257 * 100, dtype=np.uint16))
    assert (pixels(decode(encoded(image, "PNG"))) == 100).all()


def test_what_is_transparent_is_sky():
    image = PIL.Image.new("RGBA", (16, 16), (255, 0, 0, 0))
    assert (pixels(decode(encoded(image, "PNG"))) == 0).all()


def test_a_photograph_is_turned_upright_and_its_exif_is_not_published():
    image = PIL.Image.new("RGB", (40, 20))
    exif = PIL.Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    content = encoded(image, "JPEG", exif=exif)
    picture = decode(content)
    page = page_rendition(picture, content)
    assert picture.rgb.size == (20, 40)
    assert b"Exif" in content
    assert b"Exif" not in page.content


def test_a_plain_jpeg_is_its_own_page_rendition():
    content = encoded(disc(424), "JPEG")
    page = page_rendition(decode(content), content)
    assert (page.content, page.width_px, page.height_px) == (content, 424, 424)


def test_a_large_image_is_made_to_fit_the_page():
    content = encoded(PIL.Image.new("RGB", (1696, 424)), "JPEG")
    page = page_rendition(decode(content), content)
    with PIL.Image.open(io.BytesIO(page.content)) as shown:
        assert (shown.format, shown.size) == ("JPEG", (848, 212))
    assert (page.width_px, page.height_px) == (848, 212)


@pytest.mark.parametrize("size", [(424, 424), (300, 200), (48, 48)])
def test_the_network_sees_the_central_square_of_128_px(size):
    image = PIL.Image.new("RGB", size)
    width, height = size
    image.paste((0, 255, 0), (width // 2 - 4, height // 2 - 4, width // 2 + 4, height // 2 + 4))
    with PIL.Image.open(io.BytesIO(network_rendition(Picture(image)))) as seen:
        assert (seen.format, seen.mode, seen.size) == ("PNG", "RGB", (128, 128))
        green = np.asarray(seen)[..., 1].astype(float)
    y, x = np.indices(green.shape)
    assert (green * x).sum() / green.sum() == pytest.approx(63.5, abs=0.1)
    assert (green * y).sum() / green.sum() == pytest.approx(63.5, abs=0.1)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"GIF89a" + b"\0" * 100, "not a JPEG, PNG, TIFF or FITS file"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "not a JPEG"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "not a JPEG"),
        (b"\x1f\x8b" + b"\0" * 100, "not a JPEG"),
        (encoded(disc(), "JPEG")[:-200], "truncated"),
        (encoded(disc(), "PNG")[:-200], "truncated"),
        (encoded(disc(), "TIFF")[:-200], "truncated"),
        (encoded(disc(), "PNG").replace(b"IDAT", b"IDAT\1", 1), "broken"),
        (encoded(PIL.Image.new("RGB", (4, 400)), "PNG"), "4 x 400 pixels; expected 8 or more"),
        (encoded(PIL.Image.new("F", (16, 16)), "TIFF"), "send them as FITS"),
        (encoded(disc(), "TIFF", save_all=True, append_images=[disc()]), "2 frames"),
        (encoded(disc(), "PNG", save_all=True, append_images=[disc(colour=(9, 9, 9))]), "2 frames"),
    ],
)
def test_what_cannot_be_shown_is_refused_with_its_reason(content, expected):
    with pytest.raises(IngestError, match=expected):
        decode(content)


@pytest.mark.parametrize("claim", [(31_623, 31_623), (10_000, 10_000), (8_000, 8_000), (2_000_000_000, 1)])
@pytest.mark.parametrize("bomb", [png_that_claims, tiff_that_claims])
def test_a_bomb_is_refused_before_it_goes_off(bomb, claim):
    content = bomb(*claim)
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(IngestError, match=r"exceeds limit|header claims"):
        decode(content)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 20_000


def test_several_files_of_one_galaxy_must_be_fits():
    with pytest.raises(IngestError, match=r"b: expected FITS, when each band"):
        picture_of([Original("b", encoded(disc(), "PNG"))] * 2, ())


GOOD = [encoded(disc(16), "JPEG"), encoded(disc(16), "PNG"), encoded(disc(16), "TIFF", compression="tiff_lzw")]


@settings(max_examples=300, deadline=None)
@given(data=st.data(), content=st.sampled_from(GOOD))
def test_broken_bytes_are_a_picture_or_refused(data, content):
    broken = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        broken[data.draw(st.integers(0, len(broken) - 1))] = data.draw(st.integers(0, 255))
    try:
        picture = decode(bytes(broken[: data.draw(st.integers(1, len(broken)))]))
        assert network_rendition(picture)
    except IngestError as refused:
        assert str(refused).startswith("a: ")
