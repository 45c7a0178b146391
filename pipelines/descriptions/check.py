"""Description of `check`: it decodes every photo once, for all stages that measure it."""

from collections.abc import Iterator, Mapping
from functools import partial
from math import ceil
from typing import TYPE_CHECKING, Any

from degrade.images.policy import CheckPolicy
from degrade.store.schema import SOURCES
from pipelines.stage import Job, Stage, Work

if TYPE_CHECKING:
    from degrade.store.reader import Store
    from pipelines.recipes.stage_plans import Basis, StagePlan
    from pipelines.report.section import Draft


def _work(job: Job, settings: CheckPolicy) -> Work:
    from pipelines.stages.check import check_photos

    def check() -> Mapping[str, Any]:
        report = check_photos(
            job.options.store,
            job.client,
            source=job.options.source,
            target=job.options.target,
            policy=settings.decoding(),
            **settings.selection().model_dump(),
            overwrite=job.options.overwrite,
            cache=job.cache,
        )
        report.say_what_lacks()
        return report.summary()

    return check


def _identity(settings: CheckPolicy) -> dict[str, Any]:
    return settings.decoding().model_dump(mode="json")


def _plan(basis: "Basis", settings: CheckPolicy) -> "StagePlan":
    from degrade.kernels.estimators.spectral import BYTES_PER_PIXEL as SPECTRUM
    from pipelines.execution.stage_writer import per_task
    from pipelines.recipes.stage_plans import PLAIN, READ, WORKER_BYTES, StagePlan
    from pipelines.stages.check import FILES_PER_TASK

    files, state = sum(map(len, basis.names.values())), basis.states[CHECK.name]
    note = "files are hashed again" if state == "done" else ""
    if state == "changed":
        note = "photos or policy changed: later stages need --overwrite"
    size = per_task(FILES_PER_TASK, files)
    seconds = basis.left(CHECK, basis.decode_pass(CHECK), ceil(files / size))
    measures = basis.measures()
    peaks = (READ, SPECTRUM * ("estimate-kernels" in measures), PLAIN * ("build-pairs" in measures))
    memory = WORKER_BYTES + max(peaks) * basis.largest
    if state == "to do" and (known := round(basis.known.get(CHECK.name, 0.0) * files)):
        note = f"{known} of {files} files are known and only hashed; later stages see the others"
    elif state == "to do" and measures:
        note = "its one decoding serves the later stages, in whose time is what it does for them"
    gives = round(basis.counts.photos * basis.factor)
    return StagePlan(CHECK.name, state, gives, "photos", seconds, memory, 0, note)


def _sections(store: "Store") -> "Iterator[Draft]":
    from pipelines.report.section import Draft
    from pipelines.report.sources import sources_body

    yield Draft("sources", "Sources", "sources.html", partial(sources_body, store))


CHECK = Stage(
    name="check",
    key="",
    settings=CheckPolicy,
    work=_work,
    plan=_plan,
    group=SOURCES,
    identity=_identity,
    task_results="scan-source",
    sections=_sections,
)
