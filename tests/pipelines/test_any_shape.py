"""Photos of any shape at any scale: each stage works or refuses with a reason; LR lies on HR."""

import itertools
from pathlib import Path

import cv2
import numpy as np
from distributed import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from degrade.arrays import F32, U8
from degrade.errors import NothingToDo
from degrade.images.write import write_png
from degrade.kernels.estimator_settings import SpectralSettings
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store.contents import Pairs
from degrade.store.reader import open_store
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import MIN_SIDE, check_photos
from pipelines.stages.estimate_kernels import estimate_kernels
from pipelines.stages.mine_noise import mine_noise

SIDES = st.one_of(st.integers(1, 40), st.integers(1, 700), st.sampled_from([16, 127, 128, 257]))
SHAPES = st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=3)
SCALES = st.sampled_from([2, 3, 4, 8])


def smooth_photo(seed: int, height: int, width: int) -> U8:
    """Return coloured noise, blurred so much that shrinking and block means hardly differ."""
    noise = np.random.default_rng(seed).normal(0, 1, (height, width, 3)).astype(np.float32)
    smooth: F32 = cv2.GaussianBlur(noise, (0, 0), 6, borderType=cv2.BORDER_REFLECT)
    return np.clip(128 + smooth * (40 / max(float(smooth.std()), 1e-6)), 0, 255).astype(np.uint8)


def misfit(pairs: Pairs, shift: tuple[int, int]) -> float:
    """Return the squared distance of LR from means of HR blocks that lie ``shift`` pixels off."""
    scale, side = pairs.scale, pairs.lr.shape[1]
    total = 0.0
    for hr, lr in zip(pairs.hr, pairs.lr, strict=True):
        inner = lr[1:-1, 1:-1].astype(float)
        top, left = scale + shift[0], scale + shift[1]
        size = scale * (side - 2)
        blocks = hr[top : top + size, left : left + size].astype(float)
        means = blocks.reshape(side - 2, scale, side - 2, scale, 3).mean(axis=(1, 3))
        total += float(((inner - means) ** 2).sum())
    return total


@settings(
    max_examples=12,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(shapes=SHAPES, scale=SCALES, cleanup=st.integers(1, 3), factor=st.integers(4, 9))
def test_every_stage_works_or_says_why_not(
    client: Client,
    tmp_path_factory: object,
    shapes: list[tuple[int, int]],
    scale: int,
    cleanup: int,
    factor: int,
) -> None:
    top: Path = tmp_path_factory.mktemp("shapes")  # type: ignore[attr-defined]
    location = str(top / "s.zarr")
    for number, (height, width) in enumerate(shapes):
        write_png(top / "photos" / f"{number}.png", smooth_photo(number, height, width))
    fit = [min(shape) >= MIN_SIDE for shape in shapes]
    try:
        report = check_photos(location, client, source=top / "photos")
        assert [record.status == "ok" for record in report.records["source"]] == fit
    except NothingToDo as refusal:
        assert not any(fit) and "side of less than 16 pixels" in str(refusal)
        return
    kernels = estimate_kernels(location, client, SpectralSettings(scale=scale))
    assert kernels.kernels == sum(fit) == kernels.accepted + len(kernels.refused)
    assert all(reason for _, reason in kernels.refused)
    _mines_or_says_why(location, client, factor * 4, shapes)
    _pairs_align(
        location,
        client,
        PairSettings(
            scale=scale,
            tile=max(16 + -16 % scale, factor * scale),
            cleanup=cleanup,
            kernels="bicubic",
        ),
        sum(fit),
    )


def _mines_or_says_why(
    location: str, client: Client, patch: int, shapes: list[tuple[int, int]]
) -> None:
    try:
        report = mine_noise(location, client, NoiseSettings(patch=patch))
        small = sum(MIN_SIDE <= min(shape) < patch for shape in shapes)
        assert report.patches > 0 and len(report.refused) == small
    except NothingToDo as refusal:
        assert "no noise patch among" in str(refusal) or "fit into none of" in str(refusal)


def _pairs_align(location: str, client: Client, wanted: PairSettings, photos: int) -> None:
    try:
        report = build_pairs(location, client, wanted)
    except NothingToDo as refusal:
        assert "no photo is that large" in str(refusal)
        return
    assert report.photos + len(report.refused) == photos
    pairs = open_store(location).pairs(wanted.scale)
    assert len(pairs.hr) == len(pairs.lr) == report.pairs
    assert pairs.hr.shape[1] == wanted.scale * pairs.lr.shape[1] == wanted.tile
    misfits = {shift: misfit(pairs, shift) for shift in itertools.product((-1, 0, 1), repeat=2)}
    assert min(misfits, key=misfits.__getitem__) == (0, 0), misfits
