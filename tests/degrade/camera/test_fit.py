"""Statistics, the emulator, and the search for cameras."""

import cv2
import numpy as np
import pytest

from degrade.arrays import F64, U8
from degrade.camera import fit
from degrade.camera.content import FEATURES, content, matched
from degrade.camera.emulator import Loss, emulate
from degrade.camera.evidence import PhotoStatistics
from degrade.camera.fit import fit_cameras
from degrade.camera.flat import FAINT, GROWING, RANGES, flattest, growth, pooled, shown
from degrade.camera.parameters import PARAMETERS, TONES, Tones, to_shares
from degrade.camera.photo_statistics import SIDE, STATISTICS, mosaic_traces, summary
from degrade.camera.tone import to_display, to_light
from degrade.camera.views import OFFERED, VIEWS, Scenes, measure_photo, scene_views, simulated
from degrade.randomness import stream

NAMES = list(PARAMETERS)


@pytest.mark.parametrize(
    "patches",
    [
        np.zeros((4, SIDE, SIDE, 3), np.uint8),
        np.full((4, SIDE, SIDE, 3), 255, np.uint8),
        np.full((4, SIDE, SIDE, 3), 99, np.uint8),
        stream(0, "p").integers(256, size=(4, SIDE, SIDE, 3), dtype=np.uint8),
        np.tile(np.uint8([[[0]], [[255]]]), (4, SIDE // 2, SIDE, 3)),
    ],
    ids=["black", "white", "flat", "noise", "stripes"],
)
def test_statistics_are_finite(patches: U8) -> None:
    found = summary(patches.reshape(4, SIDE, SIDE, 3))
    assert found.shape == (STATISTICS,)
    assert np.isfinite(found).all()


def test_statistics_follow_noise_and_blur() -> None:
    """Statistics that distinguish nothing would fit any camera."""
    rng = stream(1, "content")
    sharp = rng.integers(60, 200, size=(6, SIDE, SIDE, 3)).astype(np.uint8)
    soft = (sharp.astype(float) + np.roll(sharp, 1, 1) + np.roll(sharp, 1, 2)) / 3
    one, other = summary(sharp), summary(soft.astype(np.uint8))
    assert np.abs(one - other).max() > 0.5


def waves(shares: F64) -> F64:
    """Return answers [N, 5] that bend, rise along a parameter, and know a choice."""
    blur, radius, clamp = (shares[:, NAMES.index(name)] for name in ("blur", "radius", "clamp"))
    third = np.floor(6 * shares[:, NAMES.index("demosaicing")]) == 2
    mixing = stream(2, "waves").standard_normal((4, 5))
    seen = np.stack([np.sin(3 * blur), blur * radius, clamp, 0.5 * third], axis=1)
    return np.asarray(seen @ mixing)


def acting(shares: F64) -> F64:
    """Return shares of cameras without a step that is off."""
    off = np.array([parameter.off for parameter in PARAMETERS.values()])
    return np.asarray(off + (1 - off) * shares)


def test_the_emulator_knows_the_answers_and_how_well() -> None:
    rng = stream(2, "emulator")
    shares, fresh = (acting(rng.random((count, len(NAMES)))) for count in (300, 200))
    mean, variance = emulate(shares, waves(shares))(fresh)
    away = np.square(mean - waves(fresh))
    assert away.mean() < 0.02 * waves(fresh).var()
    assert 0.3 < (away / variance).mean() < 3
    seen, known = emulate(shares, waves(shares))(shares)
    assert np.abs(seen - waves(shares)).max() < 0.1 and known.mean() < variance.mean()


def test_an_emulator_knows_that_it_does_not_know_what_lies_elsewhere() -> None:
    rng = stream(2, "elsewhere")
    shares, elsewhere = (low + 0.5 * rng.random((200, len(NAMES))) for low in (0.0, 0.5))
    emulator = emulate(shares, waves(shares))
    inside, outside = emulator(shares)[1].mean(), emulator(elsewhere)[1].mean()
    assert outside > 5 * inside


def test_the_emulator_is_fitted_by_the_slope_of_its_loss() -> None:
    rng = stream(2, "slope")
    points, outputs = rng.standard_normal((40, 3)), rng.standard_normal((40, 2))
    loss, at = Loss(points, outputs), rng.normal(0, 0.5, 7)
    steps = 1e-5 * np.eye(7)
    expected = [(loss(at + step)[0] - loss(at - step)[0]) / 2e-5 for step in steps]
    assert np.allclose(loss(at)[1], expected, rtol=1e-4, atol=1e-6)


class Toy:
    """Cameras whose photos show some parameters, the more so the brighter a scene is."""

    def __init__(self, noise: float) -> None:
        rng = stream(3, "toy")
        self.mixing = rng.standard_normal((3, 20))
        self.noise = noise

    def __call__(self, shares: F64, *, many: bool = False) -> PhotoStatistics:
        """Show [N, 6, 20] of scenes and [N, 2] of flat places, of which only these tell `read`."""
        seen = [NAMES.index(name) for name in ("blur", "sharpening", "shot")]
        shown = shares[:, seen] @ self.mixing
        scenes = self.noise * stream(4, "scenes").standard_normal((30 if many else 6, 20))
        flat = 4 * shares[:, [NAMES.index("read"), NAMES.index("shot")][: 0 if many else 2]]
        return PhotoStatistics(np.asarray(shown[:, None] + scenes), flat)


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"ANYWHERE": 160, "ROUNDS": 2, "EACH": 32, "STEPS": 1200}.items():
        monkeypatch.setattr(fit, name, value)


@pytest.fixture
def shortest(monkeypatch: pytest.MonkeyPatch) -> None:
    """For what does not depend on how good a search is."""
    of_fit = {"ANYWHERE": 40, "ROUNDS": 1, "EACH": 8, "STEPS": 100, "CAMERAS": 16}
    for name, value in of_fit.items():
        monkeypatch.setattr(fit, name, value)


def test_what_photos_show_is_found_and_the_rest_stays_open(short: None) -> None:
    toy, rng = Toy(0.05), stream(5, "truth")
    truth = rng.random((1, len(NAMES)))
    taken = toy(truth)
    photos = taken.scenes[0]
    observed = photos[rng.integers(len(photos), size=40)] + 0.05 * rng.standard_normal((40, 20))
    found = to_shares(fit_cameras(PhotoStatistics(observed, taken.flat[0]), toy, seed=0).cameras)
    for name in ("blur", "sharpening", "shot", "read"):
        share = found[:, NAMES.index(name)]
        assert abs(np.median(share) - truth[0, NAMES.index(name)]) < 0.12
        assert share.std() < 0.15
    assert found[:, NAMES.index("clamp")].std() > 0.2


class FewScenesMislead(Toy):
    """The scenes that all cameras are simulated on pass for more blur; together all do not."""

    def __call__(self, shares: F64, *, many: bool = False) -> PhotoStatistics:
        """As of `Toy`."""
        shown = super().__call__(shares, many=many)
        shown.scenes[:, :6] += 0.4 * self.mixing[0]
        shown.scenes[:, 6:] -= 0.1 * self.mixing[0]
        return shown


def test_what_few_scenes_are_short_of_is_no_cameras(short: None) -> None:
    toy = FewScenesMislead(0.05)
    truth = np.full((1, len(NAMES)), 0.5)
    photos = toy(truth, many=True).scenes[0]
    observed = PhotoStatistics(photos, toy(truth).flat[0])
    found = to_shares(fit_cameras(observed, toy, seed=0).cameras)
    assert abs(np.median(found[:, NAMES.index("blur")]) - 0.5) < 0.12


class Recorded(Toy):
    """Cameras of which an emulator understands little; remembers all that it was asked for."""

    def __init__(self) -> None:
        super().__init__(0.05)
        self.asked: list[F64] = []

    def __call__(self, shares: F64, *, many: bool = False) -> PhotoStatistics:
        """As of `Toy`, but for a step here and there."""
        if not many:
            self.asked.append(shares)
        shown = super().__call__(shares, many=many)
        steps = np.sin(1e4 * shares[:, :3]) @ stream(5, "steps").standard_normal((3, 20))
        return PhotoStatistics(shown.scenes + steps[:, None], shown.flat)


def test_cameras_of_which_the_emulator_was_wrong_are_not_kept(short: None) -> None:
    toy = Recorded()
    taken = toy(np.full((1, len(NAMES)), 0.4))
    toy.asked.clear()
    observed = PhotoStatistics(taken.scenes[0], taken.flat[0])
    kept = to_shares(fit_cameras(observed, toy, seed=0).cameras)
    asked = np.concatenate(toy.asked)

    def away(shares: F64) -> F64:
        return np.asarray(np.square(toy(shares).means[:, :20] - observed.scenes.mean(0)).sum(1))

    assert away(kept).max() < np.quantile(away(asked), 0.5)


def test_the_search_is_a_function_of_its_seed(shortest: None) -> None:
    toy = Toy(0.05)
    taken = toy(np.full((1, len(NAMES)), 0.4))
    observed = PhotoStatistics(taken.scenes[0], taken.flat[0])
    first, again, other = (fit_cameras(observed, toy, seed).cameras.values for seed in (0, 0, 1))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_photos_that_no_camera_takes_have_a_large_misfit(short: None) -> None:
    toy = Toy(0.02)
    taken = toy(np.full((1, len(NAMES)), 0.4))
    observed = PhotoStatistics(taken.scenes[0], taken.flat[0])
    away = 20 * stream(6, "strange").standard_normal(20)
    strange = PhotoStatistics(observed.scenes + away, observed.flat)
    assert fit_cameras(strange, toy, 0).misfit > 1 > fit_cameras(observed, toy, 0).misfit


def test_a_camera_shows_the_same_on_the_same_scenes() -> None:
    picture = stream(7, "picture").integers(256, size=(100, 90, 3), dtype=np.uint8)
    cut, shown = scene_views(picture, 2, "a", 0)
    assert len(cut) == len(shown) == OFFERED
    views = cut[: 2 * VIEWS].reshape(2, VIEWS, *cut.shape[1:])
    scenes = Scenes(views, np.array([[60.0, 70.0, 80.0]]), 2, None, 0)
    share = np.full(len(NAMES), 0.5)
    first, again = simulated(share, scenes), simulated(share, scenes)
    other = simulated(np.full(len(NAMES), 0.2), scenes)
    assert first.scenes.shape == (2, STATISTICS)
    assert first.flat.shape == (3,)
    for one, same, differs in zip(
        *((s.scenes, s.flat) for s in (first, again, other)), strict=True
    ):
        assert np.array_equal(one, same)
        assert np.abs(one - differs).max() > 0.1


@pytest.mark.parametrize("sigma", [1.0, 2.0, 4.0])
def test_noise_is_measured_in_a_few_flat_places_of_busy_photos(sigma: float) -> None:
    """A tenth of each photo is flat; the remainder's texture does not pass for noise."""
    blocks, counts = [], []
    for index in range(6):
        rng = stream(11, "busy", index)
        scene = np.full((256, 256, 3), 120.0) + rng.normal(0, 12, (256, 256, 1))
        scene[:, : 256 // 10] = 110.0
        noisy = scene + sigma * rng.standard_normal(scene.shape)
        photo = np.float32(np.clip(np.round(noisy), 0, 255) / 255)
        for name, kept in (("blocks", blocks), ("count", counts)):
            kept.append(flattest(photo)[name])
    places = pooled(np.float32(blocks), np.array(counts))
    plain = 110 + sigma * stream(12, "plain").standard_normal((2, SIDE, SIDE, 3))
    expected = shown(np.uint8(np.round(plain)))
    assert len(places.power) == 1
    assert np.abs(places.power[0] - expected).max() < 0.3
    assert np.abs(places.colours[0] - 110).max() < 3


@pytest.mark.parametrize("curved", [True, False])
def test_shot_noise_grows_with_brightness_unless_it_saw_a_tone_curve(curved: bool) -> None:
    """The same noise of light, of photos of gray steps, in display tones and behind the curve."""
    rng, blocks, counts = stream(6, "growth"), [], []
    for level in (70, 130, 190, 225):
        tones = Tones(np.ones(1, np.float32), np.array([not curved]))
        step = np.full((1, 1, 96, 96), level, np.uint8)
        light = to_light(step, tones)
        noisy = light + np.sqrt(1e-3 * light) * rng.standard_normal((1, 3, 96, 96), np.float32)
        photo = to_display(np.asarray(noisy, np.float32), tones)[0].transpose(1, 2, 0)
        found = flattest(photo)
        blocks.append(found["blocks"])
        counts.append(found["count"])
    places = pooled(np.stack(blocks).astype(np.float32), np.stack(counts).astype(np.int64))
    assert (growth(places) > GROWING) == (not curved)


def test_a_search_stays_with_its_tone_curve(shortest: None) -> None:
    toy = Toy(0.05)
    taken = toy(stream(5, "truth").random((1, len(NAMES))))
    observed = PhotoStatistics(taken.scenes[0], taken.flat[0])
    for index, tone in enumerate(TONES):
        found = fit_cameras(observed, toy, 0, tone)
        assert (found.cameras["tone"] == index).all()


def test_photos_without_flat_places_say_nothing_of_them() -> None:
    black = flattest(np.zeros((64, 64, 3), np.float32))
    places = pooled(np.float32([black["blocks"]]), black["count"][None])
    assert black["count"].shape == (RANGES,)
    assert len(places.colours) == len(places.power) == 0
    assert np.allclose(shown(np.full((1, SIDE, SIDE, 3), 90, np.uint8)), np.log(FAINT))


def test_looks_depend_on_the_photo_alone() -> None:
    photo = stream(8, "photo").integers(256, size=(70, 120, 3), dtype=np.uint8)
    first, again = measure_photo(photo, "a", 0), measure_photo(photo, "a", 0)
    assert all(np.array_equal(one, other) for one, other in zip(first, again, strict=True))
    statistics, shown = measure_photo(photo[:SIDE, :SIDE], "a", 0)
    assert statistics.shape == (STATISTICS,)
    assert shown.shape[1] == FEATURES


def test_what_is_seen_from_afar_is_the_scene_and_not_the_camera() -> None:
    """A camera moves a scene's features less than another scene does."""
    rng = stream(9, "afar")
    busy = rng.integers(40, 200, size=(6, 6, 6, 3)).repeat(16, 1).repeat(16, 2).astype(np.uint8)
    calm = np.full_like(busy, 120)
    calm[:, :, 48:] = 140
    scenes = np.concatenate([busy, calm])
    blurred = np.stack([cv2.GaussianBlur(one, (0, 0), 1.4) for one in scenes])
    noisy = np.clip(blurred + 3 * rng.standard_normal(blurred.shape), 0, 255)
    sharp = content(scenes[:, ::2, ::2])
    taken = content(np.asarray(noisy[:, ::2, ::2], np.uint8))
    away = np.linalg.norm(sharp[:, None] - taken[None], axis=2)
    own = np.linalg.norm(sharp - taken, axis=1)
    assert own[:6].max() < away[:6, 6:].min() and own[6:].max() < away[6:, :6].min()


def test_the_direction_of_detail_is_seen_from_afar() -> None:
    """Turned on its side a scene has the opposite direction, mirrored the other diagonal."""
    rng = stream(9, "direction")
    smooth = cv2.GaussianBlur(rng.random((4 * SIDE, SIDE)), (0, 0), sigmaX=9, sigmaY=3)
    lines = np.uint8(255 * (smooth - smooth.min()) / np.ptp(smooth))
    scenes = np.repeat(lines.reshape(4, SIDE, SIDE, 1), 3, axis=3)
    upright, on_its_side = content(scenes)[:, -2:], content(scenes.transpose(0, 2, 1, 3))[:, -2:]
    assert (upright[:, 0] > 0.5).all()
    assert np.allclose(on_its_side[:, 0], -upright[:, 0])
    assert np.allclose(content(scenes[:, :, ::-1])[:, -1], -upright[:, 1])


def test_scenes_are_offered_as_flat_as_the_places_where_photos_are_looked_at() -> None:
    """Else the flat places of photos would be compared with busier ones, and pass for blur."""
    rng, quarter = stream(9, "flat"), 500
    picture = rng.integers(20, 230, size=(quarter, 4 * quarter, 3), dtype=np.uint8)
    picture[:, :quarter] = 120
    _, offered = scene_views(picture, 1, "a", 0)
    _, seen = measure_photo(picture, "a", 0)
    steps = 2  # the least quantile of luma's steps
    flat = [float((each[:, steps] < np.log(3)).mean()) for each in (offered, seen)]
    assert min(flat) >= 0.5


def test_chosen_scenes_are_as_the_photos_are_and_none_stands_for_all() -> None:
    rng = stream(10, "matched")
    wanted = rng.normal(1.0, 0.5, (50, FEATURES))
    offered = rng.normal(0.0, 1.5, (400, FEATURES))
    chosen = matched(wanted, offered, 60)
    assert np.abs(offered[chosen].mean(0) - wanted.mean(0)).mean() < 0.4
    assert np.abs(offered.mean(0) - wanted.mean(0)).mean() > 0.8
    assert np.bincount(chosen).max() <= 10
    few = matched(wanted, offered[:3], 60)
    assert np.bincount(few, minlength=3).min() >= 10


@pytest.mark.parametrize("soft", [0.8, 1.2, 1.6])
def test_traces_of_the_mosaic_show_whatever_was_photographed_but_not_in_resized_photos(
    soft: float,
) -> None:
    rng = stream(10, "content")
    scene = cv2.GaussianBlur(rng.random((210, 210)), (0, 0), soft)
    whole = np.uint8(255 * (scene - scene.min()) / np.ptp(scene))
    filled_in = cv2.cvtColor(whole, cv2.COLOR_BayerRGGB2RGB)
    resized = cv2.resize(filled_in, (202, 202), interpolation=cv2.INTER_CUBIC)

    def crosswise(photo: U8) -> float:
        patches = [photo[r : r + SIDE, c : c + SIDE] for r in range(6, 150, SIDE) for c in (6, 54)]
        luma = np.stack(patches).astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
        return float(next(mosaic_traces(luma, np.zeros((*luma.shape, 2), np.float32)))[0])

    seen = crosswise(filled_in)
    assert seen > 1 + max(crosswise(resized), crosswise(np.stack([whole] * 3, axis=-1)))
