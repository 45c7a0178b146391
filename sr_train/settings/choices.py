"""Names that settings choose losses and networks by; free of torch, as settings are."""

from typing import Literal

Objective = Literal["ragan", "vanilla", "lsgan", "hinge"]
"""GAN objectives, see losses.adversarial."""

PixelLoss = Literal["l1", "charbonnier", "mse"]
"""Distances of pixels, see losses.pixel."""

FurtherLoss = Literal["ms-ssim", "focal-frequency", "ldl", "dists"]
"""Losses that can be added, see losses.further_table."""

FeatureLoss = Literal["l1", "mse", "contextual"]
"""Distances of VGG features, see losses.perceptual."""

Discriminator = Literal["patch", "vgg128", "unet"]
"""Discriminators that ESRGAN can be trained against."""

Weighting = Literal["none", "paper", "released"]
"""How SRNTT's texture loss weights positions by similarity, see losses.texture."""

OtherArchitecture = Literal[
    "ATD",
    "CRAFT",
    "Compact",
    "DAT",
    "DCTLSA",
    "DITN",
    "DRCT",
    "DnCNN",
    "FBCNN",
    "FDAT",
    "FFTformer",
    "HAT",
    "HVICIDNet",
    "KBNet_s",
    "KBNet_l",
    "MMRealSR",
    "MixDehazeNet",
    "MoESR",
    "MoSR",
    "NAFNet",
    "OmniSR",
    "PLKSR",
    "RealPLKSR",
    "RCAN",
    "RGT",
    "UpCunet2x",
    "UpCunet3x",
    "UpCunet4x",
    "RetinexFormer",
    "SAFMN",
    "SAFMNBCIE",
    "SCUNet",
    "SPAN",
    "SeemoRe",
    "SwiftSRGAN",
    "Swin2SR",
    "SwinIR",
    "Uformer",
]
"""Classes of spandrel that can be trained here, by their names there."""
