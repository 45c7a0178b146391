"""Exported pairs: each format is read back by its own library, killed halfway, and refused."""

import errno
import os
from pathlib import Path

import cv2
import lmdb
import numpy as np
import pytest
import webdataset
import yaml

from degrade.errors import DegradeError, SettingsError, StoreError
from degrade.images.decode import read_image
from degrade.store.contents import Pairs
from degrade.store.reader import open_store
from pipelines.export import export_folder, lmdb_file, shards
from pipelines.export.pairs import Format, export_pairs
from pipelines.stages.check import check_photos
from tests import fresh
from tests.photos import contents

FORMATS: tuple[Format, ...] = ("folders", "lmdb", "webdataset", "parquet")


def expected(pairs: Pairs, split: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    rows = np.flatnonzero(pairs.split == split).tolist()
    return {f"{row:08d}": (pairs.hr.tile(row), pairs.lr.tile(row)) for row in rows}


def same(found: dict[str, tuple[np.ndarray, np.ndarray]], pairs: Pairs, split: str) -> None:
    wanted = expected(pairs, split)
    assert list(found) == list(wanted)
    for name, sides in wanted.items():
        assert all(np.array_equal(a, b) for a, b in zip(found[name], sides, strict=True))


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shards, "SHARD_BYTES", 30 * 3 * (32 * 32 + 16 * 16))
    monkeypatch.setattr(lmdb_file, "COMMIT", 7)


def test_folders_as_basicsr_lists_them(tmp_path: Path, stored: str) -> None:
    report = export_pairs(stored, tmp_path / "out", 2, "folders")
    assert (report.train, report.valid) == (80, 20)
    pairs = open_store(stored).pairs(2)
    for split in ("train", "valid"):
        place = tmp_path / "out" / split
        # As basicsr/data/data_util.py, paired_paths_from_meta_info_file, takes the list apart.
        lines = (place / "meta_info.txt").read_text().splitlines()
        names = [line.split(" ")[0] for line in lines]
        assert all(line.split(" ")[1] == "(32,32,3)" for line in lines)
        found = {
            name[:-4]: tuple(cv2.imread(place / side / name)[..., ::-1] for side in ("HR", "LR"))
            for name in names
        }
        same(found, pairs, split)
        assert {path.name for path in (place / "HR").iterdir()} == set(names)
        table = (place / "pairs.csv").read_text().splitlines()
        assert table[0] == "name,photo,row,col,kernel,noise,domain" and len(table) == len(names) + 1


def test_lmdb_as_basicsr_reads_it(tmp_path: Path, stored: str) -> None:
    export_pairs(stored, tmp_path / "out", 2, "lmdb", split="train")
    found = {}
    sides = []
    for side in ("HR.lmdb", "LR.lmdb"):
        place = tmp_path / "out" / "train" / side
        # As basicsr/data/data_util.py, paired_paths_from_lmdb, and utils/file_client.py do.
        keys = [line.split(".")[0] for line in (place / "meta_info.txt").read_text().splitlines()]
        with (
            lmdb.open(str(place), readonly=True, lock=False, readahead=False) as env,
            env.begin(write=False) as transaction,
        ):
            data = [np.frombuffer(transaction.get(key.encode()), np.uint8) for key in keys]
        sides.append([cv2.imdecode(png, cv2.IMREAD_COLOR)[..., ::-1] for png in data])
        assert sorted(path.name for path in place.iterdir()) == ["data.mdb", "meta_info.txt"]
    found = dict(zip(keys, zip(*sides, strict=True), strict=True))
    same(found, open_store(stored).pairs(2), "train")


@pytest.mark.usefixtures("small_shards")
def test_webdataset_reads_its_shards(tmp_path: Path, stored: str) -> None:
    export_pairs(stored, tmp_path / "out", 2, "webdataset")
    urls = sorted(str(path) for path in (tmp_path / "out" / "train").glob("*.tar"))
    assert [Path(url).name for url in urls] == [f"train-00000{i}.tar" for i in range(3)]
    samples = webdataset.WebDataset(urls, shardshuffle=False).decode("rgb8")
    read = {sample["__key__"]: sample for sample in samples}
    found = {key: (sample["hr.png"], sample["lr.png"]) for key, sample in read.items()}
    same(found, open_store(stored).pairs(2), "train")
    record = next(iter(read.values()))["json"]
    assert record["photo"].startswith("photo ") and record["kernel"] == record["noise"] == -1


@pytest.mark.usefixtures("small_shards")
def test_datasets_casts_parquet_to_images(
    tmp_path: Path, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets")
    export_pairs(stored, tmp_path / "out", 2, "parquet")
    loaded = datasets.load_dataset(str(tmp_path / "out"), cache_dir=str(tmp_path / "cache"))
    assert set(loaded) == {"train", "validation"}
    pairs = open_store(stored).pairs(2)
    for split, name in (("train", "train"), ("valid", "validation")):
        assert isinstance(loaded[name].features["hr"], datasets.Image)
        found = list(expected(pairs, split))
        rows = [(np.asarray(row["hr"]), np.asarray(row["lr"])) for row in loaded[name]]
        same(dict(zip(found, rows, strict=True)), pairs, split)
    assert loaded["train"][0]["photo"].startswith("photo ")


def test_baked_noise_is_of_the_bank_and_of_the_seed(tmp_path: Path, stored: str) -> None:
    store = open_store(stored)
    pairs = store.pairs(2)
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        export_pairs(stored, tmp_path / name, 2, "folders", split="valid", noise=True, seed=seed)
    a, b, c = (contents(tmp_path / name / "valid" / "LR") for name in "abc")
    assert a == b and all(a[name] != c[name] for name in a)
    differences = []
    for name, (_, lr) in expected(pairs, "valid").items():
        noisy = read_image(tmp_path / "a" / "valid" / "LR" / f"{name}.png")
        differences.append(noisy.astype(float) - lr)
    # The photos have grain of 2.5 levels, of which the bank's patches are cut.
    assert np.std(differences) == pytest.approx(2.5, rel=0.15)
    assert abs(np.mean(differences)) < 0.1


KILLED = """
import os, signal, sys
from pathlib import Path
from pipelines.export import images, lmdb_file, shards
from pipelines.export.pairs import export_pairs
shards.SHARD_BYTES = 30 * 3 * (32 * 32 + 16 * 16)
lmdb_file.COMMIT = 7
real, calls = images.png_bytes, []
def png_bytes(rgb):
    calls.append(1)
    if len(calls) == 75:
        os.kill(os.getpid(), signal.SIGKILL)
    return real(rgb)
images.png_bytes = png_bytes
export_pairs(sys.argv[1], Path(sys.argv[2]), 2, sys.argv[3], noise=True)
"""


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("form", FORMATS)
def test_a_killed_export_goes_on_to_the_same_bytes(
    tmp_path: Path, stored: str, form: Format
) -> None:
    export_pairs(stored, tmp_path / "whole", 2, form, noise=True)
    killed = fresh.run(KILLED, stored, str(tmp_path / "killed"), form, cwd=tmp_path)
    assert killed.returncode == -9, killed.stderr
    assert (tmp_path / "killed" / "UNFINISHED").is_file()
    assert not (tmp_path / "killed" / "train" / "meta_info.txt").exists()
    export_pairs(stored, tmp_path / "killed", 2, form, noise=True)
    assert contents(tmp_path / "killed") == contents(tmp_path / "whole")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "whole").rglob("*")}
    export_pairs(stored, tmp_path / "whole", 2, form, noise=True)
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "whole").rglob("*")} == before


def test_a_full_disk_is_one_line_and_goes_on(
    tmp_path: Path, stored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.write_bytes, []

    def write_bytes(path: Path, data: bytes) -> int:
        calls.append(path)
        if len(calls) > 40:
            real(path, data[:10])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(path, data)

    with monkeypatch.context() as full, pytest.raises(DegradeError) as caught:
        full.setattr(Path, "write_bytes", write_bytes)
        export_pairs(stored, tmp_path / "out", 2, "folders")
    assert str(caught.value) == (
        f"{tmp_path / 'out'}: cannot be written (No space left on device); make room or check the "
        "rights, then run the same command again: it goes on where it stopped"
    )
    assert (tmp_path / "out" / export_folder.UNFINISHED).is_file()
    export_pairs(stored, tmp_path / "out", 2, "folders")
    export_pairs(stored, tmp_path / "other", 2, "folders")
    assert contents(tmp_path / "out") == contents(tmp_path / "other")


def test_folders_that_hold_something_are_refused(tmp_path: Path, stored: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    for overwrite in (False, True):
        with pytest.raises(SettingsError, match="is not empty and no export of this tool; name a"):
            export_pairs(stored, out, 2, "folders", overwrite=overwrite)
    assert (out / "mine.txt").read_text() == "mine"
    (out / "mine.txt").unlink()
    export_pairs(stored, out, 2, "folders", split="valid")
    with pytest.raises(SettingsError, match="holds another export; pass --overwrite to replace it"):
        export_pairs(stored, out, 2, "lmdb", split="valid")
    export_pairs(stored, out, 2, "lmdb", split="valid", overwrite=True)
    assert not (out / "valid" / "HR").exists() and (out / "valid" / "HR.lmdb").is_dir()


def test_what_the_store_lacks_is_named(
    tmp_path: Path, photos: Path, stored: str, client: object
) -> None:
    check_photos(str(tmp_path / "s"), client, source=photos)
    with pytest.raises(StoreError, match=r"has no pairs/x4; run `degrade build-pairs --scale 4`"):
        export_pairs(str(tmp_path / "s"), tmp_path / "out", 4, "folders")
    assert not (tmp_path / "out").exists()


def test_a_basicsr_configuration(tmp_path: Path, stored: str) -> None:
    for form in ("folders", "lmdb"):
        export_pairs(stored, tmp_path / form, 2, form, basicsr=True)
        config = yaml.safe_load((tmp_path / form / "basicsr.yml").read_text())
        # Keys of BasicSR's options/train/ESRGAN/train_ESRGAN_x4.yml.
        top = "name model_type scale num_gpu manual_seed datasets network_g network_d path train"
        assert set(config) == {*top.split(), "val", "logger", "dist_params"}
        train, valid = config["datasets"]["train"], config["datasets"]["val"]
        assert train["io_backend"]["type"] == {"folders": "disk", "lmdb": "lmdb"}[form]
        for part in (train, valid):
            assert Path(part["dataroot_gt"]).is_dir() and Path(part["dataroot_lq"]).is_dir()
            assert form == "lmdb" or Path(part["meta_info_file"]).is_file()
        assert train["gt_size"] == 32 and config["network_d"]["type"] == "UNetDiscriminatorSN"
        assert config["scale"] == config["network_g"]["scale"] == 2
        assert config["train"]["optim_g"]["lr"] == 1e-4 and config["val"]["val_freq"] == 5000
    with pytest.raises(SettingsError, match="BasicSR reads no parquet; use folders or lmdb"):
        export_pairs(stored, tmp_path / "p", 2, "parquet", basicsr=True)
    with pytest.raises(SettingsError, match="has no training pairs; use --split all"):
        export_pairs(stored, tmp_path / "p", 2, "folders", split="valid", basicsr=True)
    assert not (tmp_path / "p").exists()
