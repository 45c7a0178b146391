"""The public face of trained networks: load one, upscale with it, score it."""

import os
from collections.abc import Callable, Mapping
from typing import Literal, get_args

import torch
from torch import Tensor

from degrade import arguments
from degrade.api.texts import in_arguments
from degrade.arguments import PathLike
from degrade.arrays import U8, Image
from degrade.errors import SettingsError
from sr_train import network_files
from sr_train.compute.device import choose_device, device_of, evaluating
from sr_train.engines.backends import BACKENDS, Backend
from sr_train.engines.choice import choose
from sr_train.evaluation.comparison import Comparison
from sr_train.evaluation.metric_table import MetricOptions
from sr_train.evaluation.metrics import PROTOCOLS, ScoringProtocol
from sr_train.evaluation.no_reference import Regressor
from sr_train.evaluation.scoring import Evaluation, Scorer, evaluate_folders, evaluate_network
from sr_train.inference import upscaling
from sr_train.networks.generator import Generator, ReferenceGenerator
from sr_train.networks.lpips import TAPS, Backbone
from sr_train.weights.published import weights_path


def load_network(
    path: PathLike | Mapping[str, Tensor], device: Literal["auto", "cpu", "cuda"] = "cpu"
) -> Generator:
    """Rebuild the network of a weights file or a state dict, in evaluation mode.

    Args:
        path: ``.safetensors`` or ``.pth``, as training writes it or in one of the three styles of
            RRDBNet's names in use; pickled code is never run. Or a published name such as
            ``realsr-df2k`` (extra ``published``). Or a state dict, as ``torch.load``
            or ``network.state_dict()`` returns it, whose names and shapes identify the network;
            it is copied.
        device: Where to put it; ``auto`` takes a GPU if torch sees one.

    Returns:
        A torch module: LR [B, 3, h, w] float32 in [0, 1] to SR [B, 3, s*h, s*w]; ``.scale`` is s.

    Raises:
        PathNotFound: No file is there (a `FileNotFoundError`).
        WeightsError: It is not the weights of one generator (a `ValueError`).
        SettingsError: An argument is not acceptable (a `ValueError`).
        TrainingError: There is no GPU.
    """
    where = arguments.one_of(device, "device", ("auto", "cpu", "cuda"))
    if isinstance(path, Mapping):
        return network_files.network_of(path, choose_device(where))
    if not isinstance(path, str | os.PathLike):
        raise SettingsError(
            f"path is of type {type(path).__name__}: give a path, or a state dict as torch.load "
            "makes one of an open file"
        )
    return network_files.load_network(weights_path(path, "path"), choose_device(where))


def upscale(
    network: Generator,
    image: Image,
    *,
    tile: int = upscaling.TILE,
    overlap: int | None = None,
    backend: Backend = "torch",
) -> U8:
    """Upscale an image, in tiles that give the pixels of the whole.

    Args:
        network: Of `load_network`; computes where it is.
        image: [h, w, 3] RGB; uint8, or float32 in [0, 1].
        tile: Side of a tile without its surroundings, LR pixels.
        overlap: LR pixels read around a tile; None: as many as the network sees. A smaller one is
            faster, and no longer exact near the seams.
        backend: What computes a network that is on the CPU: ``torch``; ``ncnn``, ``onnxruntime`` or
            ``openvino`` (extras ``ncnn``, ``onnx``, ``openvino``), within a level of it, which
            convert a network once and keep it in the cache folder; or ``auto``, the quickest of
            those that are installed, if the image is more than ten minutes of work.

    Returns:
        [s*h, s*w, 3] uint8, rounded half up.

    Raises:
        SettingsError: An argument is not acceptable, the network takes references, too, or the
            backend is not installed or does not compute this network (a `ValueError`).
        DegradeError: The backend cannot convert this network, or gives other pixels than torch.
    """
    _check(network)
    lr = arguments.image(image, "image")
    around = None if overlap is None else arguments.whole(overlap, "overlap", 0)
    tiling = upscaling.Tiling(arguments.whole(tile, "tile", 1), around)
    by = arguments.one_of(backend, "backend", BACKENDS)
    with evaluating(network):
        chosen = choose(network, by, lr.shape[0] * lr.shape[1])
        return upscaling.upscale_image(chosen.network, lr, tiling, device_of(network))


def evaluate(
    sr: Generator | PathLike,
    hr: PathLike,
    lr: PathLike | None = None,
    *,
    protocol: Literal["realsr", "basicsr", "ttsr"] = "realsr",
    border: int | None = None,
    lpips: Backbone | None = None,
    lpips_weights: PathLike | None = None,
    dists: bool = False,
    dists_weights: PathLike | None = None,
    mtf50: bool = False,
    clip_iqa: bool = False,
    arniqa: Regressor | None = None,
    progress: Callable[[str], None] | None = None,
) -> Evaluation:
    """Score a folder of SR images, or a network on a folder of LR images, against HR.

    Args:
        sr: Folder of SR images; or a network, with ``lr``.
        hr: Folder of HR images of the same names; suffixes may differ, and LR's and SR's names may
            end with ``x4`` for scale 4 (DIV2K's). What HR has beyond whole LR pixels is cut.
        lr: Folder of LR images for the network.
        protocol: ``realsr``: PSNR and SSIM of Y, as many pixels cut as the scale; ``basicsr``: of
            RGB; ``ttsr``: of Y with TTSR's weights, nothing cut.
        border: HR pixels cut on each side; None: as the protocol says. Folders do not say their
            scale: give it for them.
        lpips: Measure LPIPS too, on ``alex`` or ``vgg`` (extra ``lpips`` and torchvision's
            weights), or ST-LPIPS, ``st-alex`` or ``st-vgg`` (extra ``stlpips``, nothing else).
        lpips_weights: torchvision's weights of ``alex`` or ``vgg``; None: torch hub's cache.
        dists: Measure DISTS too (extra ``dists`` and torchvision's VGG16 weights).
        dists_weights: Those; None: torch hub's cache.
        mtf50: Measure the MTF50 at slanted edges of HR, over HR's own, too.
        clip_iqa: Measure CLIP-IQA of SR, too (extra ``clipiqa``, and its files).
        arniqa: Measure ARNIQA of SR, too, fitted to the scores of ``koniq10k`` (photos) or
            ``kadid10k`` (made distortions; extra ``arniqa``, and its files).
        progress: Called with each image's name after it was scored.

    Returns:
        Scores of each image (``images``), their mean (``mean``), those of bicubic upsampling
        (``bicubic``) where a network was given, and the protocol in words.

    Raises:
        PathNotFound: A folder is not there (a `FileNotFoundError`).
        NothingToDo: A folder holds no images (a `ValueError`).
        SettingsError: An argument is not acceptable, images have no partner, or another size than
            it (a `ValueError`).
        WeightsError: Weights or the package of a measure are not there (a `ValueError`).
        ImageRefused: A file cannot be read (a `PhotoRefused`).
    """
    truth = arguments.folder(hr, "hr")
    wanted = MetricOptions(
        None if lpips is None else arguments.one_of(lpips, "lpips", tuple(TAPS)),
        None if lpips_weights is None else arguments.file(lpips_weights, "lpips_weights"),
        dists,
        None if dists_weights is None else arguments.file(dists_weights, "dists_weights"),
        mtf50,
        clip_iqa=clip_iqa,
        arniqa=None if arniqa is None else arguments.one_of(arniqa, "arniqa", get_args(Regressor)),
    )
    way = PROTOCOLS[arguments.one_of(protocol, "protocol", tuple(PROTOCOLS))]
    cut = None if border is None else arguments.whole(border, "border", 0)
    done = progress or (lambda name: None)
    if isinstance(sr, Generator):
        _check(sr)
        if lr is None:
            raise SettingsError("lr is None and sr is a network: give the folder of LR images")
        small, where = arguments.folder(lr, "lr"), device_of(sr)
        judge = _judge(way, way.border(sr.scale, cut), wanted, where)
        with evaluating(sr):
            return evaluate_network(sr, small, truth, judge, device=where, done=done)
    images = arguments.folder(sr, "sr")
    if lr is not None:
        raise SettingsError("lr is given and sr is a folder: leave lr out, or give a network as sr")
    if cut is None and way.crops_scale:
        raise SettingsError(
            f"border is None and images do not tell their scale, which {protocol} cuts: give "
            "border=4 for x4, or 0"
        )
    return evaluate_folders(images, truth, _judge(way, way.border(None, cut), wanted), done)


def compare(evaluations: Mapping[str, Evaluation]) -> Comparison:
    """Say which of several results on the same images is better than the first.

    Args:
        evaluations: What `evaluate` returned, by a label for each; at least two.

    Returns:
        The means of each, and bicubic's where they are known (``means``); and of all but the first,
        by measure, how much worse they are, with a 95 % bootstrap interval over images
        (``differences``); the ``verdict`` is better or worse only where that excludes 0.

    Raises:
        SettingsError: There are fewer than two, or they are of other images or by other protocols
            (a `ValueError`).
    """
    labels = list(evaluations)
    if len(labels) < 2:
        raise SettingsError(f"evaluations has {len(labels)} entries: give two or more to compare")
    first = evaluations[labels[0]]
    for label in labels[1:]:
        other = evaluations[label]
        if other.images.keys() != first.images.keys() or other.protocol != first.protocol:
            raise SettingsError(
                f"evaluations[{label!r}] is of other images than {labels[0]!r}, or by another "
                "protocol: evaluate both alike"
            )
    return Comparison(evaluations)


def _judge(
    way: ScoringProtocol, border: int, wanted: MetricOptions, device: str | torch.device = "cpu"
) -> Scorer:
    with in_arguments():
        return Scorer(way, border, wanted.open(device))


def _check(network: Generator) -> None:
    if not isinstance(network, Generator):
        raise SettingsError(
            f"network is of type {type(network).__name__}: give what sr_train.load_network returns"
        )
    if isinstance(network, ReferenceGenerator):
        raise SettingsError(
            f"network is {type(network).__name__}, which takes references, too: upscale with "
            "`degrade upscale --references`"
        )
