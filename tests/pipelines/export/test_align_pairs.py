"""Import of pairs that are not aligned: they are reported, moved or refused, and rows say which."""

from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest
from distributed import Client

from degrade.degradation import to_uint8
from degrade.images.pair_alignment import UNKNOWN, PairAlignment
from degrade.images.resize import bicubic
from degrade.images.write import write_png
from degrade.store.reader import open_store
from degrade.store.schema import IMPORTED_PAIR_COLUMNS, PAIR_COLUMNS, SCORE_COLUMNS
from pipelines.aligned_pairs import AlignSettings, alignment_report
from pipelines.report.page import write_report
from pipelines.stages.import_pairs import import_pairs
from pipelines.stages.verify import verify
from tests.cli.answers import one_object, refusal
from tests.conftest import Command
from tests.degrade.images.test_alignment import scene
from tests.photos import contents
from tests.pipelines.export.test_import_pairs import SETTINGS

SIDE = 192
WIDE = [to_uint8(np.clip(scene(SIDE + 64), 0, 1)) for _ in range(4)]
Places = list[tuple[int, int]]


def write_pairs(base: Path, moved: Places, scale: int = 2, gain: float = 1) -> tuple[Path, Path]:
    """Write pairs whose LR shows what lies so many HR pixels further down and right in LR."""
    for index, (down, right) in enumerate(moved):
        hr = WIDE[index][32 : 32 + SIDE, 32 : 32 + SIDE]
        large = WIDE[index][32 - down :, 32 - right :][:SIDE, :SIDE]
        write_png(base / "hr" / f"{index}.png", hr)
        lr = bicubic(large, Fraction(1, scale)) * np.float32(gain)
        write_png(base / "lr" / f"{index}.png", to_uint8(np.clip(lr, 0, 1)))
    return base / "lr", base / "hr"


def sampled(base: Path, rows: int, columns: int, scale: int) -> tuple[Path, Path]:
    """Write pairs whose LR was sampled from a pixel on."""
    for index, wide in enumerate(WIDE):
        write_png(base / "hr" / f"{index}.png", wide[:SIDE, :SIDE])
        write_png(base / "lr" / f"{index}.png", wide[rows:SIDE:scale, columns:SIDE:scale])
    return base / "lr", base / "hr"


def words(lr: Path, hr: Path, scale: int = 2, store: str = "s") -> tuple[object, ...]:
    return ("import", lr, "--hr", hr, "--scale", scale, "--tile", 24, "--store", store)


def test_aligned_pairs_are_reported_in_a_line(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, [(0, 0)] * 4)
    said = degrade(*words(lr, hr)).out.splitlines()
    assert said[1:] == [
        "alignment: displaced by 0.00 LR pixels (median), 0.00 at most; 0.0% of 4 pairs beyond 0.2"
    ]
    found = one_object(degrade(*words(lr, hr), "--json"))["pairs"]["alignment"]
    assert (found["median"], found["beyond"], found["notes"]) == (pytest.approx(0, abs=0.02), 0, [])
    assert found["gain"] == pytest.approx([1, 1, 1], abs=0.01)


CONVENTIONS = [
    ((0, 0, 2), "pixel 0, as by `hr[::2]`", "2*i + 0.5", None),
    ((1, 1, 2), "pixel 1, as by `hr[1::2]`", "2*i + 0.5", None),
    ((0, 0, 3), "pixel 0, as by `hr[::3]`", "3*i + 1", 0.0),
    ((0, 0, 4), "pixel 0, as by `hr[::4]`", "4*i + 1.5", 0.5),
    ((2, 0, 3), "row 2 and column 0, as by `hr[2::3, ::3]`", "3*i + 1", 0.0),
]
"""First row and column and step; how it is called; where it should be; what a move leaves."""


@pytest.mark.parametrize(("place", "called", "centre", "left"), CONVENTIONS)
def test_conventions_are_called_by_name(
    degrade: Command,
    tmp_path: Path,
    place: tuple[int, int, int],
    called: str,
    centre: str,
    left: float | None,
) -> None:
    lr, hr = sampled(tmp_path, *place)
    said = degrade(*words(lr, hr, place[2])).out.splitlines()
    assert "100.0% of 4 pairs beyond 0.2" in said[1]
    text, _, remedy = said[2].partition(", or pass --align shift, which leaves ")
    assert text == (
        f"  your LR was sampled from {called}; make LR again with pixel i centred on HR "
        f"coordinate {centre}"
    )
    if left is None:  # more than --tolerance would be left
        assert remedy == ""
    else:
        assert float(remedy.removesuffix(" HR pixels")) == pytest.approx(left, abs=0.11)


def test_other_common_shifts_and_exposures_are_reported(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, [(6, -4)] * 4, gain=0.8)
    said = degrade(*words(lr, hr)).out.splitlines()
    assert said[1].startswith("alignment: displaced by 3.00 LR pixels (median), 3.0")
    assert said[2:] == [
        "  all LR are displaced by 6.0, -4.0 HR pixels (down, right); make LR again with pixel i "
        "centred on HR coordinate 2*i + 0.5, or pass --align shift, which leaves 0.0 HR pixels",
        "  LR is exposed otherwise than HR: its R, G and B are 0.80, 0.80 and 0.80 times HR's; "
        "training learns that, too: even it out first if it should not",
    ]


def test_two_lenses_are_reported_as_such(degrade: Command, tmp_path: Path) -> None:
    """A picture enlarged by its distance from the centre, two pixels at its sides; gain 1.1."""
    offset = (np.mgrid[:SIDE, :SIDE] - (SIDE - 1) / 2).astype(np.float32)
    away = 1 + 2 / (SIDE / 2) * (offset**2).sum(axis=0) / (SIDE / 2) ** 2
    y, x = offset * away + np.float32((SIDE - 1) / 2)
    lr, hr = write_pairs(tmp_path, [(0, 0)] * 4)
    for index, wide in enumerate(WIDE):
        large = cv2.remap(
            wide[32:-32, 32:-32], x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT
        )
        small = bicubic(large, Fraction(1, 2)) * np.float32(1.1)
        write_png(lr / f"{index}.png", to_uint8(np.clip(small, 0, 1)))
    said = degrade(*words(lr, hr)).out.splitlines()
    assert said[2].startswith("  4 of 4 pairs: LR drifts by up to 0.")
    assert "LR pixels across the picture (larger by -" in said[2]
    assert said[2].endswith(
        "pairs of two lenses; register them by a warp first, or leave them out by --align refuse"
    )
    assert said[3].startswith("  LR is exposed otherwise than HR")
    none = refusal(degrade(*words(lr, hr, store="t"), "--align", "refuse", "--tolerance", 0.1))
    assert none.startswith(
        "--align refuse: none of 4 pairs goes on, the first, 0.png, because LR drifts by up to 0."
    )
    assert " LR pixels across the picture, more than --tolerance 0.1; see how all" in none


def test_refused_pairs_are_recorded_and_the_others_go_on(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, [(0, 0), (1, -1), (0, 0)])
    write_png(hr / "3.png", WIDE[3][:SIDE, :SIDE])
    write_png(lr / "3.png", np.ascontiguousarray(WIDE[0][::-2, ::-2][: SIDE // 2, : SIDE // 2]))
    made = one_object(degrade(*words(lr, hr), "--align", "refuse", "--json"))["pairs"]
    reasons = [
        "LR is displaced by 0.50, -0.50 LR pixels (down, right), more than --tolerance 0.2",
        "shows something else than its LR",
    ]
    assert made["refused"] == [["1.png", reasons[0]], ["3.png", reasons[1]]]
    assert made["alignment"]["unlike"] == 1 and made["alignment"]["beyond"] == 0.5
    store = open_store(str(tmp_path / "s"))
    assert set(store.pairs(2).source.tolist()) == {0, 2}
    assert store.stages()["pairs/x2"]["refused"] == made["refused"]
    for path, reason in zip(("1.png", "3.png"), reasons, strict=True):
        assert f"  refused {path}: {reason}" in degrade(*words(lr, hr), "--align", "refuse").out
    assert refusal(degrade(*words(lr, hr))).startswith("s/pairs/x2: was made with align = 'refuse'")


def test_nothing_is_written_where_no_pair_goes_on(degrade: Command, tmp_path: Path) -> None:
    lr, hr = sampled(tmp_path, 0, 0, 2)
    assert refusal(degrade(*words(lr, hr), "--align", "shift")) == (
        "--align shift: none of 4 pairs goes on, the first, 0.png, because LR is displaced by "
        "0.25, 0.25 LR pixels (down, right), 0.25 of them after moving HR, more than --tolerance "
        "0.2; see how all lie with --align check, or give a larger --tolerance"
    )
    assert not (tmp_path / "s").exists()
    assert degrade(*words(lr, hr), "--align", "shift", "--tolerance", 0.3).code == 0


MOVED: Places = [(0, 0), (5, -3), (-2, 7), (-9, -4)]


def test_moved_pairs_are_those_that_fit(tmp_path: Path, client: Client) -> None:
    """Every tile of HR, reduced, is its tile of LR; rows say where in the photo HR lies."""
    lr, hr = write_pairs(tmp_path, MOVED)
    place = str(tmp_path / "s")
    made = import_pairs(place, client, lr, hr, SETTINGS, aligning=AlignSettings("shift"))
    assert made.refused == () and made.alignment.beyond == 0.75
    pairs = open_store(place).pairs(2)
    assert pairs.moved is not None and pairs.shift is not None and pairs.drift is not None
    for index, photo in enumerate(pairs.source.tolist()):
        assert pairs.moved[index].tolist() == list(MOVED[photo])
        assert pairs.shift[index] * 2 == pytest.approx(MOVED[photo], abs=0.04)
        tile, row, col = pairs.hr.tile(index), 32 + pairs.row[index], 32 + pairs.col[index]
        assert np.array_equal(tile, WIDE[photo][row : row + 32, col : col + 32])
        small = to_uint8(np.clip(bicubic(tile, Fraction(1, 2)), 0, 1))
        inside = np.s_[2:-2, 2:-2]
        assert np.array_equal(small[inside], pairs.lr.tile(index)[inside])
    assert pairs.drift.max() < 0.05


def test_moved_and_refused_pairs_are_mended_from_the_folders(
    tmp_path: Path, client: Client, degrade: Command
) -> None:
    lr, hr = write_pairs(tmp_path, MOVED)
    write_png(lr / "0.png", np.ascontiguousarray(WIDE[3][::-2, ::-2][: SIDE // 2, : SIDE // 2]))
    assert degrade(*words(lr, hr), "--align", "shift").code == 0
    place = tmp_path / "s"
    before = contents(place)
    (place / "pairs/x2/hr/c/0/0/0/0").unlink()
    (place / "pairs/x2/lr/c/0/0/0/0").unlink()
    assert len(verify(str(place), client, repair=True).repaired) == 2
    assert contents(place) == before
    write_report(str(place), tmp_path / "r.html", tmp_path / "runs")
    again = f"degrade import {lr} --hr {hr} --align shift --scale 2 --seed 0 --tile 24 "
    again += "--tolerance 0.2 --valid 0.1"
    assert again in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_checking_changes_nothing_but_the_new_columns(tmp_path: Path, client: Client) -> None:
    lr, hr = write_pairs(tmp_path, MOVED)
    place = str(tmp_path / "s")
    made = import_pairs(place, client, lr, hr, SETTINGS)
    store = open_store(place)
    assert set(store.stages()["pairs/x2"]["parameters"]) == {"scale", "tile", "valid", "seed"}
    arrays = set(store.root["pairs/x2"].keys())
    columns = {*PAIR_COLUMNS, *SCORE_COLUMNS, *IMPORTED_PAIR_COLUMNS}
    assert arrays == {"hr", "lr", "hr_crc32", "lr_crc32", *columns}
    assert made.pairs == 4 * (SIDE // 32) ** 2
    assert not store.pairs(2).moved.any()


def test_stores_without_the_columns_still_open_and_mend(tmp_path: Path, client: Client) -> None:
    lr, hr = write_pairs(tmp_path, [(0, 0)] * 3)
    place = tmp_path / "s"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipelines.stages.import_pairs.measured", lambda plan, found: {})
        import_pairs(str(place), client, lr, hr, SETTINGS)
    assert open_store(str(place)).pairs(2).shift is None
    before = (place / "pairs/x2/hr/c/0/0/0/0").read_bytes()
    (place / "pairs/x2/hr/c/0/0/0/0").unlink()
    assert len(verify(str(place), client, repair=True).repaired) == 1
    assert (place / "pairs/x2/hr/c/0/0/0/0").read_bytes() == before
    assert import_pairs(str(place), client, lr, hr, SETTINGS).pairs == 3 * (SIDE // 32) ** 2


def test_a_tolerance_that_is_none_is_refused(degrade: Command, tmp_path: Path) -> None:
    lr, hr = write_pairs(tmp_path, [(0, 0)])
    for given in ("-1", "nan"):
        assert refusal(degrade(*words(lr, hr), "--tolerance", given)) == (
            f"--tolerance {given}: give LR pixels, 0 or more, such as 0.2"
        )


def windows(shift: float, unlike: bool = False) -> PairAlignment:
    places = () if unlike else ((0.0, 0.0),)
    return PairAlignment(() if unlike else ((shift, 0.0),), places, (1.0, 1.0, 1.0), unlike)


LINES = [
    (
        [windows(0), windows(-0.1), windows(0.5), UNKNOWN],
        "displaced by 0.10 LR pixels (median), 0.50 at most; 33.3% of 3 pairs beyond 0.2; "
        "1 too small or flat to tell",
    ),
    (
        [windows(0), windows(0, unlike=True)],
        "displaced by 0.00 LR pixels (median), 0.00 at most; 50.0% of 2 pairs beyond 0.2",
    ),
    ([windows(0, unlike=True)], "not measured, 1 pair of different pictures"),
    ([UNKNOWN], "not measured, LR is too small or too flat"),
]


@pytest.mark.parametrize(("found", "line"), LINES)
def test_the_distribution_is_a_line(found: list[PairAlignment], line: str) -> None:
    assert alignment_report(found, 2, AlignSettings()).line == f"alignment: {line}"


@pytest.mark.parametrize(
    ("shift", "moved"), [(0.5, 0), (0.55, 0), (-0.5, 0), (0.75, 1), (-1.5, -1)]
)
def test_halves_are_moved_towards_zero_so_that_equal_pairs_stay_equal(
    shift: float, moved: int
) -> None:
    assert AlignSettings("shift").moved(windows(shift / 4), 4) == (moved, 0)


def test_tiny_pairs_are_not_measured_and_not_refused(degrade: Command, tmp_path: Path) -> None:
    for index in range(2):
        write_png(tmp_path / "hr" / f"{index}.png", WIDE[index][:40, :40])
        write_png(tmp_path / "lr" / f"{index}.png", WIDE[index][:40:2, :40:2])
    command = words(tmp_path / "lr", tmp_path / "hr")
    said = degrade(*command, "--align", "refuse").out.splitlines()
    assert said[1:] == ["alignment: not measured, LR is too small or too flat"]
    pairs = open_store(str(tmp_path / "s")).pairs(2)
    assert set(pairs.source.tolist()) == {0, 1}
    assert pairs.shift is not None and np.isnan(pairs.shift).all()
