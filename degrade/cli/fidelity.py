"""`degrade fidelity`: does the synthetic LR look like the photos, and where does it differ?"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from degrade.cli import options
from degrade.noise.model_names import DEFAULT_NOISE, NOISE_NAMES

if TYPE_CHECKING:
    from pipelines.stages.fidelity import FidelityReport


def fidelity(
    source: options.Source = None,
    store: options.Store = options.DEFAULT_STORE,
    scale: options.StoredScale = None,
    pairs: Annotated[
        Literal["source", "target"],
        typer.Option(help="Whose LR is compared: made of the photos, or of clean target photos."),
    ] = "source",
    noise_model: Annotated[
        list[str] | None,
        typer.Option(
            help=f"Noise that is injected; may be repeated. Left out: {DEFAULT_NOISE}.",
            metavar="|".join(NOISE_NAMES),
        ),
    ] = None,
    patch: Annotated[int, typer.Option(help="Side of a patch in LR pixels, 32 at least.")] = 32,
    patches: Annotated[int, typer.Option(help="Patches of each photo.")] = 128,
    splits: Annotated[int, typer.Option(help="Times that the photos are split anew.")] = 3,
    steps: Annotated[int, typer.Option(help="Training steps of each classifier.")] = 400,
    seed: options.Seed = 0,
    workers: options.Workers = 0,
    scheduler: options.Scheduler = None,
    json: options.Json = False,
) -> None:
    """Train small classifiers to tell the pairs' LR from the photos: 0.5 means they cannot.

    Example: degrade fidelity --scale 2 --noise-model patch --noise-model scaled --workers 2
    """
    from degrade.fidelity.classifier_settings import FidelitySettings
    from degrade.store.reader import open_store, the_scale
    from degrade.yaml_settings import validated
    from pipelines.stages.check import use_sources
    from pipelines.stages.fidelity import fidelity as judge

    fields = {
        "scale": the_scale(open_store(store), "pairs", scale),
        "domain": pairs,
        "noise_models": noise_model or [DEFAULT_NOISE],
        "patch": patch,
        "patches": patches,
        "splits": splits,
        "steps": steps,
        "seed": seed,
    }
    settings = validated(FidelitySettings, fields, "fidelity")
    store = options.shared(store, scheduler)
    with options.client(workers, scheduler) as client:
        if source is not None:
            with options.writing(store):
                use_sources(store, client, source)
        report = judge(store, client, settings)
    options.answer(asdict(report), _text(report), json)


def _text(report: "FidelityReport") -> str:
    from degrade.camera.photo_statistics import SIDE

    width = max(len(score.column) for score in report.scores)
    lines = [f"{'':<{width}}  distance   gain    AUC  of splits"]
    for score in report.scores:
        each = " ".join(f"{auc:.3f}" for auc in score.splits)
        far = "-" if score.distance is None else f"{score.distance:.2f}"
        gain = "-" if score.gain is None else f"{score.gain:+.2f}"
        lines.append(f"{score.column:<{width}}  {far:>8}  {gain:>5}  {score.auc:.3f}  {each}")
    lines.append(
        "distance: of what shows a camera, in what other scenes would change; the least is best"
    )
    if any(score.distance is None for score in report.scores):
        lines.append(f"-: LR tiles, or all but a few photos, are smaller than {SIDE} pixels")
    lines.append(
        "gain: dB over bicubic upsampling of a linear filter learnt on the pairs, on photos by the "
        "cameras that were found; the most is best"
    )
    if all(score.gain is None for score in report.scores):
        lines.append("-: no cameras were found; run `degrade estimate-camera`")
    lines.append(f"AUC 0.5: cannot be told from the photos ({report.photos}); 1: always")
    lines.append(f"how {report.compared} differs (distance; times that of halves of the photos):")
    for one in report.differences:
        lines.append(f"  {one.name}: {one.distance:.3g} {one.unit}; {one.ratio:.1f} times")
    return "\n".join([*lines, report.finding])
