"""Each step of a camera by its law, and the whole in NumPy and in torch."""

import io
from collections.abc import Sequence

import cv2
import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from degrade.arrays import F32, U8
from degrade.camera.camera_samples import (
    KINDS_AT_ONCE,
    MARGIN,
    UNIT,
    CameraSamples,
    JpegCompression,
    draw,
    extent,
    photographed,
    taken_tile,
)
from degrade.camera.demosaicing import METHODS
from degrade.camera.denoising import denoised
from degrade.camera.jpeg import SUBSAMPLING, compressed
from degrade.camera.jpeg_file import read_compression, standard_compression, traced_quality
from degrade.camera.optics import area_matrix, through_lens, transfer_function
from degrade.camera.parameters import (
    DEMOSAICING,
    DENOISERS,
    OVERSAMPLING,
    PARAMETERS,
    Cameras,
    Tones,
    from_shares,
    to_shares,
)
from degrade.camera.photograph import ShotVariation, developed, sensor_noise
from degrade.camera.sensor import bayer_masks, exposed, gains
from degrade.camera.sharpening import sharpened
from degrade.camera.tone import display_variance, to_display, to_light
from degrade.randomness import stream

QUIET = {
    "blur": 0.3,
    "blur_red": 1,
    "blur_blue": 1,
    "aspect": 1,
    "angle": 0,
    "defocus": 0,
    "oversampling": 0,
    "gain_red": 1.5,
    "gain_blue": 1.8,
    "shot": 0,
    "read": 0,
    "demosaicing": 1,
    "denoiser": 0,
    "denoise_luma": 0,
    "denoise_chroma": 0,
    "smooth_luma": 0,
    "smooth_chroma": 0,
    "tone": 0,
    "contrast": 1,
    "sharpening": 0,
    "radius": 0.6,
    "coring": 0,
    "clamp": 20,
}
"""A camera without noise, denoising and sharpening."""


def cameras(count: int = 1, **changed: float) -> Cameras:
    """Return cameras that are alike."""
    row = [float({**QUIET, **changed}[name]) for name in PARAMETERS]
    return Cameras(np.tile(row, (count, 1)))


def drawn(count: int, seed: int = 0) -> Cameras:
    """Return cameras from anywhere in the ranges."""
    return from_shares(stream(seed, "test").random((count, len(PARAMETERS))))


def scene(height: int, width: int, seed: int = 0) -> U8:
    """Return a picture of soft blobs and an edge, [H, W, 3]."""
    rng = stream(seed, "scene")
    y, x = np.mgrid[:height, :width] / 16
    waves = [np.sin(x * a + y * b + c) for a, b, c in rng.random((3, 3)) * 2]
    picture = 128 + 60 * np.stack(waves, axis=-1) + 40 * (x > width / 32)[..., None]
    return np.asarray(np.clip(picture, 0, 255), np.uint8)


def planes(picture: U8, count: int = 1) -> U8:
    """Return a picture as [count, 3, H, W]."""
    return np.repeat(np.ascontiguousarray(picture.transpose(2, 0, 1))[None], count, axis=0)


def chances(count: int, side: int, seed: int = 0) -> ShotVariation:
    """Return chances for square photos of ``side`` pixels, enough for any sensor."""
    rng = stream(seed, "chances")
    white = rng.standard_normal((count, 1, 2 * side, 2 * side), np.float32)
    return ShotVariation(rng.integers(2, size=(count, 2)), white)


def tones(contrast: Sequence[float], straight: Sequence[bool]) -> Tones:
    """Return the tone curves of some cameras."""
    return Tones(np.array(contrast, np.float32), np.array(straight))


@pytest.mark.parametrize("straight", [False, True])
@pytest.mark.parametrize("contrast", [0.8, 1.0, 1.5])
def test_tones_come_back(contrast: float, straight: bool) -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(1, 1, 16, 16)
    light = to_light(levels, tones([contrast], [straight]))
    back = to_display(light, tones([contrast], [straight]))
    assert np.abs(back * 255 - levels).max() < 0.02
    assert light.min() == 0 and light.max() == pytest.approx(1)


def test_a_batch_has_each_cameras_own_tone_curve() -> None:
    light = np.full((2, 1, 1, 1), 0.2, np.float32)
    shown = to_display(light, tones([1, 1], [False, True])).ravel()
    assert shown == pytest.approx([1.055 * 0.2 ** (1 / 2.4) - 0.055, 0.2], abs=1e-6)


def test_shares_come_back() -> None:
    some = drawn(50)
    assert np.allclose(from_shares(to_shares(some)).values, some.values)


@pytest.mark.parametrize(("length", "pitch"), [(12, 2.0), (12, 1.6), (15, 1.0), (12, 3.0)])
def test_pixels_share_out_all_light(length: int, pitch: float) -> None:
    count = int(length / pitch)
    matrix = area_matrix(count, length, pitch)
    assert np.allclose(matrix.sum(axis=1), 1, atol=1e-6)
    covered = matrix.sum(axis=0)[: int(count * pitch)]
    assert np.allclose(covered, 1 / pitch, atol=1e-6)


def test_the_lens_has_its_spread() -> None:
    """The variance of a blurred point is sigma squared, in HR pixels, along each axis."""
    point = np.zeros((1, 3, 64, 64), np.float32)
    point[..., 32, 32] = 1
    oval = cameras(blur=0.8, aspect=0.7, angle=np.pi / 2, blur_red=1.2)
    blurred = through_lens(point, oval, 2)[0]
    place = np.arange(64) - 32.0
    for channel, factor in ((0, 1.2), (1, 1.0)):
        rows, cols = (blurred[channel].sum(axis=axis) for axis in (1, 0))
        assert rows.sum() == pytest.approx(1, abs=1e-4)
        assert (rows * place**2).sum() == pytest.approx((1.6 * factor) ** 2, rel=0.02)
        assert (cols * place**2).sum() == pytest.approx((0.7 * 1.6 * factor) ** 2, rel=0.02)


def test_defocus_is_a_disc() -> None:
    """The transfer function of a disc of radius r first vanishes at 0.61 / r."""
    response = transfer_function(cameras(blur=1e-6, defocus=4.0), 1, 400, 400)[0, 1, 0]
    assert np.argmax(response < 0) == pytest.approx(0.61 / 4 * 400, abs=1)


@pytest.mark.parametrize("name", list(METHODS))
@pytest.mark.parametrize("phase", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_demosaicing_keeps_flat_colours_and_ramps(name: str, phase: tuple[int, int]) -> None:
    masks = bayer_masks(np.array([phase]), 16, 16)
    ramp = np.arange(16, dtype=np.float32)[None, :] * 0.02 + np.arange(16)[:, None] * 0.01
    colours = np.array([0.5, 0.3, 0.1], np.float32)[:, None, None]
    truth = np.asarray(colours + ramp, np.float32)[None]
    found = METHODS[name]((truth * masks).sum(1)[:, None], masks)
    inner = (..., slice(4, 12), slice(4, 12))
    assert np.allclose(found[inner], truth[inner], atol=1e-5)


def test_bayer_has_one_colour_a_pixel_and_twice_the_green() -> None:
    masks = bayer_masks(np.array([[0, 0], [1, 0]]), 8, 8)
    assert (masks.sum(axis=1) == 1).all()
    assert masks.mean(axis=(2, 3)).tolist() == [[0.25, 0.5, 0.25]] * 2
    assert masks[0, 0, 0, 0] == 1
    assert masks[1, 0, 1, 0] == 1


def test_noise_has_the_stated_variance_behind_white_balance() -> None:
    light = np.full((1, 3, 300, 300), 0.3, np.float32)
    noisy = cameras(shot=1e-3, read=1e-4, gain_red=2.0, gain_blue=1.0)
    white = stream(1, "white").standard_normal(light.shape, np.float32)
    seen = exposed(light, gains(noisy, light), noisy, white)[0]
    green, red = 1e-3 * 0.3 + 1e-4, 4 * (1e-3 * 0.15 + 1e-4)
    assert seen[1].var() == pytest.approx(green, rel=0.03)
    assert seen[0].var() == pytest.approx(red, rel=0.03)
    assert seen.mean(axis=(1, 2)) == pytest.approx([0.3] * 3, abs=1e-3)


@pytest.mark.parametrize("denoiser", DENOISERS)
def test_denoising_smooths_noise_and_spares_edges(denoiser: str) -> None:
    edge = np.full((1, 3, 64, 64), 0.2, np.float32)
    edge[..., 32:] = 0.7
    taken = cameras(shot=0, read=1e-4, denoise_luma=3.0, denoise_chroma=3.0)
    noise = 0.01 * stream(2, "noise").standard_normal(edge.shape, np.float32)
    smooth = denoised(edge + noise, taken, denoiser)
    assert smooth[..., 4:28].std() < 0.5 * noise.std()
    assert np.abs(smooth[..., 30:34] - edge[..., 30:34]).max() < 0.05
    off = cameras(denoise_luma=0, denoise_chroma=0)
    assert np.allclose(denoised(edge + noise, off, denoiser), edge + noise, atol=1e-6)


def test_noise_behind_the_tone_curve_has_the_variance_that_is_said() -> None:
    curves = tones([0.9, 1.3, 1.0], [False, False, True])
    shot, read = np.array([1e-4, 5e-5, 1e-4], np.float32), np.array([1e-6, 4e-6, 0], np.float32)
    for tone in (0.2, 0.5, 0.8):
        level = np.full((3, 1, 1, 1), round(255 * tone), np.uint8)
        light = to_light(level, curves)
        deviation = np.sqrt(shot * light.ravel() + read)[:, None, None, None]
        white = stream(5, "tones").standard_normal((3, 1, 300, 300), np.float32)
        shown = to_display(light + deviation * white, curves)
        said = display_variance(level / np.float32(255), curves, shot, read).ravel()
        assert shown.var(axis=(1, 2, 3)) == pytest.approx(said, rel=0.06)


def test_patches_separate_noise_from_detail_better_than_pixels() -> None:
    scene = np.full((1, 3, 96, 96), 0.3, np.float32)
    scene[..., ::8, 48:] = 0.35
    noise = 0.02 * stream(3, "noise").standard_normal((1, 1, 96, 96), np.float32)
    taken = cameras(shot=0, read=1e-4, denoise_luma=2.0)  # 0.02 in tones of 0.3
    by_pixels, by_patches = (denoised(scene + noise, taken, how) - scene for how in DENOISERS)
    flat, lines = (..., slice(8, -8), slice(8, 40)), (..., slice(8, -8), slice(56, 88))
    assert np.square(by_patches[flat]).mean() < 0.7 * np.square(by_pixels[flat]).mean()
    assert np.square(by_patches[lines]).mean() < 0.9 * np.square(by_pixels[lines]).mean()


def test_sharpening_adds_no_more_than_its_clamp() -> None:
    edge = np.full((1, 3, 32, 32), 0.2, np.float32)
    edge[..., 16:] = 0.8
    added = sharpened(edge, cameras(sharpening=1.5, radius=1.0, clamp=20)) - edge
    assert np.abs(added).max() == pytest.approx(20 / 255, abs=1e-6)
    assert np.abs(sharpened(edge, cameras(sharpening=0)) - edge).max() == 0


def test_sharpening_leaves_faint_detail_alone() -> None:
    faint = 0.5 + 1e-3 * stream(4, "detail").standard_normal((1, 1, 32, 32), np.float32)
    faint = np.repeat(faint, 3, axis=1)
    keen = {"sharpening": 1.5, "radius": 1.0, "clamp": 120}
    assert np.array_equal(sharpened(faint, cameras(coring=2, **keen)), faint)
    edge = np.full((1, 3, 32, 32), 0.2, np.float32)
    edge[..., 16:] = 0.8
    least, most = (sharpened(edge, cameras(coring=c, **keen))[0, 0, 8] for c in (2, 0))
    near = np.abs(most - edge[0, 0, 8]) > 0.1
    assert np.abs(most - least)[near] == pytest.approx(1.5 * 2 / 255, rel=1e-3)


@pytest.mark.parametrize(
    ("ours", "theirs", "apart"),
    [
        ("bilinear", cv2.COLOR_BayerRGGB2RGB, 0.51),
        ("directional", cv2.COLOR_BayerRGGB2RGB_EA, 1.01),
        ("variable gradients", cv2.COLOR_BayerRGGB2RGB_VNG, 2.5),
    ],
)
def test_demosaicing_is_what_the_library_makes(ours: str, theirs: int, apart: float) -> None:
    """But where it rounds, and where rounding decides which directions are taken."""
    mosaic = scene(64, 96)[..., 1] // 2 + 60
    masks = bayer_masks(np.zeros((1, 2), int), 64, 96)
    expected = cv2.cvtColor(mosaic, theirs).astype(float)
    found = METHODS[ours](mosaic[None, None].astype(np.float32), masks)[0].transpose(1, 2, 0)
    away = np.abs(found - expected)[4:-4, 4:-4]
    assert np.percentile(away, 95) <= apart


@pytest.mark.parametrize("method", range(len(DEMOSAICING)))
@pytest.mark.parametrize("over", range(len(OVERSAMPLING)))
@pytest.mark.parametrize("scale", [2, 3, 4])
def test_a_camera_without_noise_keeps_gray(method: int, over: int, scale: int) -> None:
    flat = np.full((1, 3, 12 * scale, 12 * scale), 141, np.uint8)
    quiet = cameras(demosaicing=method, oversampling=over, sharpening=1.0, contrast=1.3)
    photo = developed(flat, quiet, chances(1, 12), scale)
    assert photo.shape == (1, 3, 12, 12)
    assert np.abs(photo * 255 - 141).max() < 0.1


@pytest.mark.parametrize("over", range(len(OVERSAMPLING)))
def test_photos_lie_on_the_grid_of_the_store(over: int) -> None:
    """LR pixel i is centred on HR coordinate s * i + (s - 1) / 2."""
    ramp = np.zeros((1, 3, 96, 96), np.uint8)
    ramp[:] = (40 + np.arange(96))[None, None, None]
    photo = developed(ramp, cameras(oversampling=over, blur=0.2), chances(1, 48), 2)
    expected = 40 + 2 * np.arange(48) + 0.5
    inner = slice(8, 40)
    away = photo[0, :, 24, inner] * 255 - expected[inner]
    assert np.abs(away).max() < 0.25  # sensors of other pitches see steps of the scene's pixels
    assert np.abs(away.mean()) < 0.02


@pytest.mark.parametrize("subsampling", ["4:4:4", "4:2:2", "4:2:0"])
@pytest.mark.parametrize("quality", [75, 93])
def test_jpeg_is_what_the_library_makes(subsampling: str, quality: int) -> None:
    picture = scene(64, 96)
    file = io.BytesIO()
    Pillow.fromarray(picture).save(file, "JPEG", quality=quality, subsampling=subsampling)
    theirs = np.asarray(Pillow.open(file), float)
    tables = standard_compression(quality).tables
    unit: F32 = planes(picture).astype(np.float32) / np.float32(255)
    ours = compressed(unit, tables[None], subsampling)[0].transpose(1, 2, 0) * 255
    apart = np.abs(ours - theirs)
    assert apart.mean() < 0.8
    assert np.percentile(apart, 99) <= 4


def test_a_files_tables_are_read(tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("files")
    for subsampling in ("4:4:4", "4:2:2", "4:2:0"):
        path = folder / f"{subsampling[-1]}{subsampling[2]}.jpg"
        Pillow.fromarray(scene(32, 32)).save(path, quality=80, subsampling=subsampling)
        found = read_compression(path)
        assert found is not None
        assert found.subsampling == subsampling
        assert np.array_equal(found.tables, standard_compression(80).tables)
    Pillow.fromarray(scene(32, 32)).convert("L").save(folder / "gray.jpg", quality=80)
    gray = read_compression(folder / "gray.jpg")
    assert gray is not None
    assert np.array_equal(gray.tables[0], gray.tables[1])
    Pillow.fromarray(scene(32, 32)).save(folder / "none.png")
    assert read_compression(folder / "none.png") is None
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff")
    assert read_compression(folder / "broken.jpg") is None


def test_pixels_show_how_they_were_compressed() -> None:
    rng = stream(3, "trace")
    noisy = np.clip(scene(256, 256) + 4 * rng.standard_normal((256, 256, 3)), 0, 255)
    file = io.BytesIO()
    Pillow.fromarray(noisy.astype(np.uint8)).save(file, "JPEG", quality=70)
    found = traced_quality(np.asarray(Pillow.open(file)))
    assert found is not None
    assert abs(found - 70) <= 6
    assert traced_quality(noisy.astype(np.uint8)) is None


def bank(count: int = 12, seed: int = 0) -> CameraSamples:
    """Return cameras from anywhere, and two kinds of files."""
    lossy = (standard_compression(88), JpegCompression(standard_compression(75).tables, "4:4:4"))
    return CameraSamples(drawn(count, seed), lossy, np.array([0.75, 0.25]))


def test_numpy_and_torch_take_the_same_photos() -> None:
    cameras_, side, scale = bank(), 24, 2
    rng = stream(5, "same")
    around = planes(scene(extent(side) * scale, extent(side) * scale), 16)
    draws, white = draw(rng, cameras_, 16), sensor_noise(rng, 16, cameras_.cameras, extent(side))
    ours = photographed(around, cameras_, draws, white, scale, side)
    theirs = photographed(torch.from_numpy(around), cameras_, draws, white, scale, side)
    assert ours.shape == (16, 3, side, side)
    apart = np.abs(ours - theirs.numpy()) * 255
    assert (apart > 0.5).mean() < 0.05  # a coefficient at the brink of rounding moves a block
    assert apart.mean() < 0.05


def test_numpy_and_torch_develop_alike_by_cameras_of_all_kinds() -> None:
    some, around = drawn(48), planes(scene(48, 48), 48)
    assert len(np.unique(some.kinds, axis=0)) > 12
    ours = developed(around, some, chances(48, 24), 2)
    theirs = developed(torch.from_numpy(around), some, chances(48, 24), 2)
    apart = np.abs(ours - theirs.numpy())
    # Variable gradients take a direction or leave it: at the brink rounding decides, for one pixel.
    decides = some.kinds[:, 1] == DEMOSAICING.index("variable gradients")
    assert apart[~decides].max() < 2e-4
    assert (apart[decides] > 2e-4).mean() < 1e-3


def test_each_camera_of_a_bank_is_drawn_as_often_and_crops_of_one_draw_are_of_few_kinds() -> None:
    cameras_, rng = bank(12), stream(0, "draws")
    each = [draw(rng, cameras_, 16).camera for _ in range(3000)]
    counts = np.bincount(np.concatenate(each), minlength=12)
    assert counts == pytest.approx([4000] * 12, rel=0.15)
    found = [len(np.unique(cameras_.cameras.kinds[drawn_], axis=0)) for drawn_ in each]
    assert max(found) == KINDS_AT_ONCE
    assert all(len(draw(rng, cameras_, count).camera) == count for count in (1, 2, 5, 7, 30))


def test_jpegs_units_fit_into_the_places_where_crops_begin() -> None:
    assert all(UNIT % (8 * max(pair)) == 0 for pair in SUBSAMPLING.values())


def test_a_tile_is_a_function_of_its_stream() -> None:
    picture, cameras_ = scene(160, 160), bank()
    first, again, other = (
        taken_tile(picture, (32, 48), 48, 2, cameras_, stream(seed, "tile")) for seed in (1, 1, 2)
    )
    assert np.array_equal(first[0], picture[32:80, 48:96])
    assert np.array_equal(first[1], again[1])
    assert not np.array_equal(first[1], other[1])
    assert first[1].shape == (24, 24, 3)


def test_a_photo_depends_on_nothing_beyond_its_margins() -> None:
    picture, cameras_ = scene(200, 200), bank()
    cut = taken_tile(picture, (80, 80), 48, 2, cameras_, stream(0, "far"))[1]
    changed = picture.copy()
    beyond = 2 * (MARGIN + extent(24) - 24)
    changed[: 80 - beyond] = 0
    changed[128 + beyond :] = 255
    assert np.array_equal(cut, taken_tile(changed, (80, 80), 48, 2, cameras_, stream(0, "far"))[1])
