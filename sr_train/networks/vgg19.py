"""VGG's feature layers in plain torch; VGG19's with torchvision's names and weights from a file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from degrade.errors import WeightsError
from degrade.randomness import derive
from sr_train.compute.device import seeded
from sr_train.settings.common import PERCEPTUAL, VggUse
from sr_train.weights.tensor_files import list_mismatches, read_tensors
from sr_train.weights.weights_file import WeightsFile, weights_file

SIZES: dict[int, tuple[tuple[int, ...], ...]] = {
    16: ((64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3),
    19: ((64,) * 2, (128,) * 2, (256,) * 4, (512,) * 4, (512,) * 4),
}
"""Output channels of VGG16's and VGG19's convolutions by block; a pooling ends each block."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""ImageNet's mean and standard deviation of RGB in [0, 1]."""

FILE_NAME = "vgg19-dcbb9e9d.pth"
URL = f"https://download.pytorch.org/models/{FILE_NAME}"
HASH_PREFIX = "dcbb9e9d"
"""First digits of the file's SHA-256."""


def layer_index(name: str) -> int:
    """Return torchvision's index in ``features`` of ``conv5_4`` (34) or ``relu5_4`` (35)."""
    return feature_index(name, 19, pooling=1)


def feature_index(name: str, depth: int, pooling: int) -> int:
    """Return the index of a layer such as ``conv3_1`` or ``relu3_1`` in VGG's stack.

    Args:
        name: Of the layer.
        depth: 16 or 19.
        pooling: Layers that the poolings between blocks take.

    Raises:
        ValueError: There is no such layer.
    """
    match, blocks = re.fullmatch(r"(conv|relu)([1-5])_([1-4])", name), SIZES[depth]
    if not match or int(match[3]) > len(blocks[int(match[2]) - 1]):
        last = f"conv5_{len(blocks[-1])}"
        raise ValueError(
            f"{name}: no VGG{depth} layer; names are conv1_1 to {last} and relu1_1 ..."
        )
    kind, block, number = match[1], int(match[2]) - 1, int(match[3]) - 1
    before = sum(2 * len(channels) + pooling for channels in blocks[:block])
    return before + 2 * number + (kind == "relu")


class VggFeatures(nn.Module):
    """Frozen features at chosen layers, after a normalisation; built up to the deepest one.

    Args:
        stack: The layers in order, with their weights or about to get them.
        names: The wanted ones' names, by index.
        files: Where the weights come from.
    """

    mean: Tensor
    std: Tensor

    def __init__(
        self,
        stack: Sequence[nn.Module],
        names: Mapping[int, str],
        files: tuple[WeightsFile, ...] = (),
    ) -> None:
        super().__init__()
        self._names = dict(names)
        self.files = files
        self.features = nn.Sequential(*stack[: max(self._names) + 1])
        self.register_buffer("mean", torch.tensor(MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(STD).view(3, 1, 1), persistent=False)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> dict[str, Tensor]:
        """Map RGB [B, 3, H, W] in [0, 1] to features by layer name."""
        x = (image - self.mean) / self.std
        found = {}
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._names:
                found[self._names[index]] = x
        return found


class VGG19Features(VggFeatures):
    """VGG19's.

    Args:
        layers: Names such as ``conv5_4`` (before ReLU, as in ESRGAN) or ``relu5_4`` (after).
    """

    def __init__(self, layers: Sequence[str]) -> None:
        super().__init__(vgg_stack(19), {layer_index(name): name for name in layers})


def vgg_stack(depth: int) -> list[nn.Module]:
    """Return VGG16's or VGG19's layers in torchvision's order, the last pooling too."""
    # The ReLUs are not in place: the convolution's output before it may be a wanted feature.
    layers: list[nn.Module] = []
    inputs = 3
    for block in SIZES[depth]:
        for outputs in block:
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU()]
            inputs = outputs
        layers.append(nn.MaxPool2d(2))
    return layers


def open_vgg19(
    layers: Sequence[str],
    path: Path | None = None,
    download: bool = False,
    use: VggUse = PERCEPTUAL,
) -> VGG19Features:
    """Return VGG19 with ImageNet weights.

    Args:
        layers: Feature layers, see VGG19Features.
        path: A file in torchvision's layout (``.pth`` or ``.safetensors``); without it the file is
            looked for where torch.hub keeps downloads (``$TORCH_HOME/hub/checkpoints``).
        download: Fetch the file to that place, checking its hash, if it is not there.
        use: For the error's text.

    Raises:
        WeightsError: No file, an unreadable one, or one with other keys or shapes.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / FILE_NAME
    if path is None and not cached.is_file():
        if not download:
            raise vgg19_missing(cached, use)
        _download(cached)
    return _load(path or cached, layers)


def vgg19_missing(looked_at: Path | None = None, use: VggUse = PERCEPTUAL) -> WeightsError:
    """Return the error that offers the choice between giving the weights and doing without."""
    where = f" ({looked_at} is not there)" if looked_at else ""
    return WeightsError(
        f"{use.what} needs VGG19's weights{where}: give torchvision's {FILE_NAME} with "
        f"--vgg-weights FILE, or {use.otherwise}"
    )


def random_vgg19(layers: Sequence[str], seed: int) -> VGG19Features:
    """Return VGG19 with random weights (He initialisation), for tests and explicit experiments."""
    with seeded(derive(seed, "vgg19")):
        vgg = VGG19Features(layers)
        for parameter in vgg.parameters():
            if parameter.ndim == 4:
                nn.init.kaiming_normal_(parameter, nonlinearity="relu")
            else:
                nn.init.zeros_(parameter)
    return vgg


def _download(target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        torch.hub.download_url_to_file(URL, str(target), HASH_PREFIX, progress=True)
    except (OSError, RuntimeError) as error:
        raise WeightsError(
            f"{URL}: download failed ({error}); fetch the file yourself and pass --vgg-weights FILE"
        ) from error


def _load(path: Path, layers: Sequence[str]) -> VGG19Features:
    vgg = VGG19Features(layers)
    wanted = vgg.state_dict()
    # Deeper layers and the classifier are in torchvision's file but not in this network.
    found = {
        key: value
        for key, value in read_tensors(path).items()
        if key in wanted or not re.match(r"(features|classifier)\.\d+\.(weight|bias)$", key)
    }
    if mismatch := list_mismatches(wanted, found):
        raise WeightsError(f"{path}: not torchvision's VGG19: {mismatch}")
    vgg.load_state_dict(found)
    vgg.files = (weights_file(path),)
    return vgg
