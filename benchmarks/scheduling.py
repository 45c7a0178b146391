"""What submitting, running and collecting a task costs beside the work that is in it.

    python -m benchmarks.scheduling [--tasks 3125] [--workers 2] [--work-ms 0]

The tasks do nothing but wait (`--work-ms`), and carry as much as those of `check` and `mine-noise`
do in a folder of 100,000 photos: the addresses of 32, whose decoding alone is a second of work.
"""

import argparse
import resource
import time
from functools import partial

from degrade.images.decode import DEFAULT_POLICY
from pipelines.execution.cluster import connect
from pipelines.execution.stage_writer import TaskOutput
from pipelines.execution.streaming import stream
from pipelines.photos.cache import NO_CACHE, PhotoCache
from pipelines.photos.reading import Photo

PHOTOS = 32


def work(
    seconds: float, cache: PhotoCache, task: tuple[int, tuple[Photo, ...]]
) -> tuple[int, TaskOutput]:
    """Wait as long as the work would take."""
    time.sleep(seconds)
    return len(task[1]), TaskOutput({})


def photo(row: int) -> Photo:
    """Return the address of a photo that is never read."""
    path = f"folder/IMG_{row:08d}.JPG"
    return Photo(row, "/data/photos", path, f"{row:064x}", 3000, 4000, "source", DEFAULT_POLICY)


def main() -> None:
    """Run the tasks and print what each cost."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=3125)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--work-ms", type=float, default=0.0)
    options = parser.parse_args()
    photos = tuple(photo(row) for row in range(PHOTOS))
    tasks = [(index, photos) for index in range(options.tasks)]
    wait = partial(work, options.work_ms / 1000, NO_CACHE)
    with connect(options.workers) as client:
        for _ in stream(client, wait, tasks[:50]):  # imports, connections
            pass
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        began, cpu = time.monotonic(), time.process_time()
        done = sum(items for items, _ in stream(client, wait, tasks))
        elapsed, cpu = time.monotonic() - began, time.process_time() - cpu
    assert done == PHOTOS * options.tasks
    workers = max(1, options.workers)
    overhead = elapsed * workers / options.tasks - options.work_ms / 1000
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    print(
        f"{options.tasks} tasks on {workers} workers in {elapsed:.1f} s: {1000 * overhead:.2f} ms "
        f"of a worker's time per task beyond its work, {1000 * cpu / options.tasks:.2f} ms of CPU "
        f"in the client and scheduler; grown by {grown:.0f} to {grown + before / 1024:.0f} MB"
    )


if __name__ == "__main__":
    main()
