"""A training configuration for BasicSR on exported pairs: its published ESRGAN settings, x1/2/4."""

from pathlib import Path
from typing import Any

import yaml

from degrade.atomic_file import replacing
from degrade.errors import SettingsError
from pipelines.export.images import PairImages

CONFIG = "basicsr.yml"
SCALES = (1, 2, 4)
_CROP = 128
"""What BasicSR's VGGStyleDiscriminator takes; smaller tiles get UNetDiscriminatorSN."""


def check_basicsr(scale: int, tile: int, form: str) -> None:
    """Refuse pairs that BasicSR's RRDBNet cannot train on.

    Raises:
        SettingsError: Scale, tile or format does not serve.
    """
    if form not in ("folders", "lmdb"):
        raise SettingsError(f"--config basicsr: BasicSR reads no {form}; use folders or lmdb")
    if scale not in SCALES:
        raise SettingsError(f"--config basicsr: its RRDBNet has scales 1, 2 and 4, not {scale}")
    if tile < 8:
        raise SettingsError(f"--config basicsr: tiles of {tile} are too small; it needs 8 or more")


def write_basicsr(folder: Path, splits: list[PairImages], form: str) -> None:
    """Write basicsr.yml, to be given to BasicSR's ``train.py -opt``.

    Validation is left out where its split is.
    """
    text = yaml.safe_dump(basicsr_config(folder, splits, form), sort_keys=False)
    head = (
        "# ESRGAN as BasicSR publishes it, on these pairs. It starts from random weights: set\n"
        "# path.pretrain_network_g to a network trained for PSNR to do as the paper did.\n"
    )
    with replacing(folder / CONFIG) as aside:
        aside.write_text(head + text)


def basicsr_config(folder: Path, splits: list[PairImages], form: str) -> dict[str, Any]:
    """Return BasicSR's options (options/train/ESRGAN/train_ESRGAN_x4.yml) for exported pairs.

    Raises:
        SettingsError: There is no training split.
    """
    if splits[0].split != "train":
        raise SettingsError("--config basicsr: the export has no training pairs; use --split all")
    scale, tile = splits[0].pairs.scale, splits[0].pairs.tile
    crop = _CROP if tile >= _CROP else tile - tile % 8
    named = {images.split: _dataset(folder, images, form) for images in splits}
    datasets = {"train": {**named["train"], **_loader(crop)}}
    config: dict[str, Any] = {
        "name": f"ESRGAN_x{scale}_degrade",
        "model_type": "ESRGANModel",
        "scale": scale,
        "num_gpu": 1,
        "manual_seed": 0,
        "datasets": datasets,
        "network_g": {
            "type": "RRDBNet",
            "num_in_ch": 3,
            "num_out_ch": 3,
            "scale": scale,
            "num_feat": 64,
            "num_block": 23,
        },
        "network_d": _discriminator(crop),
        "path": {"pretrain_network_g": None, "strict_load_g": True, "resume_state": None},
        "train": _training(),
    }
    if "valid" in named:
        datasets["val"] = named["valid"]
        metric = {"type": "calculate_psnr", "crop_border": scale, "test_y_channel": False}
        config["val"] = {"val_freq": 5000, "save_img": False, "metrics": {"psnr": metric}}
    config["logger"] = {
        "print_freq": 100,
        "save_checkpoint_freq": 5000,
        "use_tb_logger": True,
        "wandb": {"project": None, "resume_id": None},
    }
    config["dist_params"] = {"backend": "nccl", "port": 29500}
    return config


def _dataset(folder: Path, images: PairImages, form: str) -> dict[str, Any]:
    place = folder.resolve() / images.split
    ending = ".lmdb" if form == "lmdb" else ""
    found: dict[str, Any] = {
        "name": images.split,
        "type": "PairedImageDataset",
        "dataroot_gt": str(place / f"HR{ending}"),
        "dataroot_lq": str(place / f"LR{ending}"),
    }
    if form == "lmdb":
        return {**found, "io_backend": {"type": "lmdb"}}
    listed = {"meta_info_file": str(place / "meta_info.txt"), "filename_tmpl": "{}"}
    return {**found, **listed, "io_backend": {"type": "disk"}}


def _loader(crop: int) -> dict[str, Any]:
    return {
        "gt_size": crop,
        "use_hflip": True,
        "use_rot": True,
        "use_shuffle": True,
        "num_worker_per_gpu": 6,
        "batch_size_per_gpu": 16,
        "dataset_enlarge_ratio": 100,
        "prefetch_mode": None,
    }


def _discriminator(crop: int) -> dict[str, Any]:
    if crop == _CROP:
        return {"type": "VGGStyleDiscriminator", "num_in_ch": 3, "num_feat": 64}
    return {"type": "UNetDiscriminatorSN", "num_in_ch": 3, "num_feat": 64}


def _training() -> dict[str, Any]:
    def adam() -> dict[str, Any]:
        return {"type": "Adam", "lr": 1.0e-4, "weight_decay": 0, "betas": [0.9, 0.99]}

    return {
        "ema_decay": 0.999,
        "optim_g": adam(),
        "optim_d": adam(),
        "scheduler": {
            "type": "MultiStepLR",
            "milestones": [50000, 100000, 200000, 300000],
            "gamma": 0.5,
        },
        "total_iter": 400000,
        "warmup_iter": -1,
        "pixel_opt": {"type": "L1Loss", "loss_weight": 0.01, "reduction": "mean"},
        "perceptual_opt": {
            "type": "PerceptualLoss",
            "layer_weights": {"conv5_4": 1},
            "vgg_type": "vgg19",
            "use_input_norm": True,
            "range_norm": False,
            "perceptual_weight": 1.0,
            "style_weight": 0,
            "criterion": "l1",
        },
        "gan_opt": {
            "type": "GANLoss",
            "gan_type": "vanilla",
            "real_label_val": 1.0,
            "fake_label_val": 0.0,
            "loss_weight": 0.005,
        },
        "net_d_iters": 1,
        "net_d_init_iters": 0,
    }
