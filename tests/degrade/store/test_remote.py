"""A store on an S3 server: the bytes of a local one, resumed, repaired, read through a cache."""

import json
import logging
import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from distributed import Client

pytest.importorskip("s3fs")
pytest.importorskip("moto.server")

from degrade.errors import StoreError
from degrade.noise.mining import NoiseSettings
from degrade.pairs import PairSettings
from degrade.store import lock
from degrade.store.backend import filesystem_at, local_path, open_for_writing
from degrade.store.cache import cache_folder
from degrade.store.lock import exclusive
from degrade.store.reader import has_store, open_store
from degrade.store.task_results import TaskResults
from pipelines.execution.cluster import connect
from pipelines.stages.build_pairs import build_pairs
from pipelines.stages.check import check_photos
from pipelines.stages.mine_noise import mine_noise
from pipelines.stages.verify import verify
from tests.conftest import Command
from tests.photos import contents, digest, is_mapped

SECRET = "not-a-real-secret-0123456789"
COMMAND = "from degrade.cli.main import run; run()"
KILLED = (
    "import os, signal, degrade.store.writer as writer; "
    "writer.Out.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL); " + COMMAND
)
"""Dies when all but the last writes are done."""
PAIRS = ["build-pairs", "--scale", "2", "--tile", "32", "--kernels", "bicubic", "--bake-noise"]
SETTINGS = PairSettings(scale=2, tile=32, kernels="bicubic", bake_noise=True)


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    """A local S3 server with an empty bucket named ``bucket``."""
    from moto.server import ThreadedMotoServer

    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "not-a-real-key")
        patch.setenv("AWS_SECRET_ACCESS_KEY", SECRET)
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        filesystem_at("s3://bucket")[0].mkdir("bucket")
        yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """An address in the bucket that is this test's own, with a cache of its own."""
    monkeypatch.setenv("DEGRADE_CACHE", str(tmp_path / "cache"))
    return f"s3://bucket/{tmp_path.name}"


def build(location: str, photos: Path, client: Client) -> None:
    check_photos(location, client, source=photos)
    mine_noise(location, client, NoiseSettings(patch=32, stride=16))
    build_pairs(location, client, SETTINGS)


def objects(location: str) -> dict[str, bytes]:
    filesystem, top = filesystem_at(location)
    return {path[len(top) + 1 :]: filesystem.cat_file(path) for path in filesystem.find(top)}


def digests(location: str) -> dict[str, str]:
    return {path: digest(data) for path, data in objects(location).items()}


@pytest.fixture(scope="session")
def built(endpoint: str, photos: Path, client: Client) -> str:
    """A finished store; a test that changes it puts it right again."""
    build("s3://bucket/built", photos, client)
    return "s3://bucket/built"


def test_same_bytes_as_a_local_store_in_process_and_with_workers(
    built: str, bucket: str, tmp_path: Path, photos: Path, client: Client
) -> None:
    build(str(tmp_path / "local"), photos, client)
    local = contents(tmp_path / "local")
    assert digests(built) == local
    with connect(workers=2) as two:
        build(bucket, photos, two)
    assert digests(bucket) == local
    assert not any(SECRET.encode() in data for data in objects(bucket).values())


def test_tiles_are_fetched_once_and_then_mapped(built: str, bucket: str) -> None:
    store = open_store(built)
    hr = store.pairs(2).hr
    first = np.stack(list(hr))
    assert is_mapped(hr.tile(0))
    kept = [path for path in cache_folder().rglob("*") if path.is_file()]
    assert [f"{path.parent.name}/{path.name}" for path in kept] == ["hr/0"]
    assert np.array_equal(first, np.asarray(store.root["pairs/x2/hr"][...]))  # type: ignore[index]
    filesystem, chunk = filesystem_at(built, "pairs/x2/hr/c/0/0/0/0")
    whole = filesystem.cat_file(chunk)
    filesystem.rm_file(chunk)
    try:
        travelled = pickle.loads(pickle.dumps(open_store(built).pairs(2).hr))
        assert np.array_equal(np.stack(list(travelled)), first)
        kept[0].write_bytes(b"short")
        with pytest.raises(StoreError, match="pairs/x2/hr/c/0/0/0/0: chunk is missing or damaged"):
            open_store(built).pairs(2).hr.tile(0)
    finally:
        filesystem.pipe_file(chunk, whole)
    assert np.array_equal(open_store(built).pairs(2).hr.tile(0), first[0])


def test_damage_is_found_and_rebuilt(built: str, bucket: str, client: Client) -> None:
    before = objects(built)
    filesystem, chunk = filesystem_at(built, "pairs/x2/lr/c/0/0/0/0")
    filesystem.pipe_file(chunk, before["pairs/x2/lr/c/0/0/0/0"][:-7])
    patches = filesystem_at(built, "noise/patches/c/0/0/0/0")[1]
    filesystem.pipe_file(patches, bytes(len(before["noise/patches/c/0/0/0/0"])))
    with pytest.raises(StoreError, match="missing or damaged; run `degrade verify --repair`"):
        open_store(built).noise().patches.tile(0)
    report = verify(built, client, repair=True)
    assert report.damaged == ("noise/patches/c/0/0/0/0", "pairs/x2/lr/c/0/0/0/0")
    assert objects(built) == before


def start(verb: list[str], location: str, code: str = COMMAND) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-c", code, *verb, "--store", location],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )


def test_verbs_killed_and_run_again(
    built: str, bucket: str, photos: Path, degrade: Command, tmp_path: Path
) -> None:
    assert degrade("check", photos, "--store", bucket).code == 0
    for verb, begun in (
        (["mine-noise", "--patch", "32", "--stride", "16"], "noise"),
        (PAIRS, "pairs/x2"),
    ):
        killed = start(verb, bucket, KILLED)
        assert killed.wait() == -signal.SIGKILL
        assert not open_store(bucket).stages()[begun]["complete"]
        again = start(verb, bucket)
        out = again.communicate()[0]
        assert again.returncode == 0 and SECRET.encode() not in out, out
    assert objects(bucket) == objects(built)
    assert not filesystem_at(bucket)[0].exists(f"{bucket}.lock")
    for verb in (["info"], ["verify"]):
        answer = degrade(*verb, "--store", bucket)
        assert answer.code == 0 and SECRET not in answer.out + answer.err
    assert not [path for path in tmp_path.iterdir() if path.name.startswith("s3")]


def test_results_saved_by_others_are_seen(bucket: str) -> None:
    results = TaskResults(bucket, "g")
    assert results.present() == set()
    results.save(1, {"a": np.arange(3)})
    assert results.present() == {1}
    filesystem, key = filesystem_at(bucket, ".parts/g/00000002.npz")
    code = "from degrade.store.task_results import TaskResults; "
    code += f"TaskResults({bucket!r}, 'g').save(2, {{}})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert results.present() == {1, 2}
    filesystem.pipe_file(key, b"cut")
    assert results.load(2) is None


def test_a_second_writer_is_refused(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    filesystem, key = filesystem_at(f"{bucket}.lock")
    refused = rf"process {os.getpid()} on .* is writing to it"
    with exclusive(bucket), pytest.raises(StoreError, match=refused):
        exclusive(bucket).__enter__()
    assert not filesystem.exists(key)
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    held = {"host": lock.socket.gethostname(), "process": ended.pid, "token": "x"}
    for dead in ({**held, "time": time.time()}, {**held, "host": "elsewhere", "time": 0.0}):
        filesystem.pipe_file(key, json.dumps(dead).encode())
        with exclusive(bucket):
            assert json.loads(filesystem.cat_file(key))["process"] == os.getpid()
    alive = {**held, "host": "elsewhere", "time": time.time()}
    filesystem.pipe_file(key, json.dumps(alive).encode())
    with pytest.raises(StoreError, match="on elsewhere is writing"):
        exclusive(bucket).__enter__()
    filesystem.rm_file(key)
    monkeypatch.setattr(lock, "_read", lambda location: None)
    filesystem.pipe_file(key, b"just written")
    with pytest.raises(StoreError, match="just begun to write"):
        exclusive(bucket).__enter__()


def test_a_lock_is_renewed(bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock, "RENEWED_EVERY", 0.05)
    filesystem, key = filesystem_at(f"{bucket}.lock")
    with exclusive(bucket):
        first = json.loads(filesystem.cat_file(key))["time"]
        deadline = time.monotonic() + 10
        while json.loads(filesystem.cat_file(key))["time"] == first:
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_places_that_are_no_store(bucket: str, endpoint: str) -> None:
    with pytest.raises(StoreError, match="no store here; run `degrade check SRC"):
        open_store(bucket)
    assert not has_store("s3://no-such-bucket/x")
    with pytest.raises(StoreError, match="cannot write here"), exclusive("s3://no-such-bucket/x"):
        pass
    with pytest.raises(StoreError, match="name the store in it"), exclusive("s3://bucket"):
        pass
    filesystem, key = filesystem_at(bucket, "letter.txt")
    filesystem.pipe_file(key, b"dear")
    with pytest.raises(StoreError, match="exists and is not a degrade store"):
        open_for_writing(bucket)
    with pytest.raises(StoreError, match=r"cannot be opened .*pip install"):
        open_store("nothing://of/this/kind")


def test_a_password_in_the_address_is_refused() -> None:
    with pytest.raises(StoreError, match="the address holds a password") as refusal:
        open_store(f"s3://someone:{SECRET}@bucket/name")
    assert SECRET not in str(refusal.value)


def test_no_credentials(bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    code = f"from degrade.store.reader import open_store; open_store({bucket!r})"
    hidden = {"AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path)}
    bare = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")} | hidden
    server = {"AWS_ENDPOINT_URL": os.environ["AWS_ENDPOINT_URL"]}
    run = subprocess.run(
        [sys.executable, "-c", code], env=bare | server, capture_output=True, text=True
    )
    assert "cannot be read (Unable to locate credentials)" in run.stderr.splitlines()[-1]


def test_file_urls_are_local(tmp_path: Path) -> None:
    assert local_path(f"file://{tmp_path}") == tmp_path
    open_for_writing(f"file://{tmp_path}/s")
    assert (tmp_path / "s" / "zarr.json").is_file() and has_store(f"file://{tmp_path}/s")
