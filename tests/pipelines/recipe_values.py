"""Another value than the default for every field of a recipe, and what such values need."""

SMALLEST = {"name": "small", "scale": 2, "stages": {"pairs": {}}}
WHOLE = """
name: whole
scale: 2
stages:
  kernels: {}
  lens: {}
  noise: {}
  camera: {}
  pairs: {}
  references: {}
  train: {method: esrgan}
"""
OTHER_VALUES = {
    "name": "other",
    "scale": 4,
    "seed": 7,
    "target": True,
    "images.gray": "refuse",
    "images.alpha": "black",
    "images.sixteen_bit": "reduce",
    "images.cmyk": "convert",
    "images.max_pixels": 1000,
    "images.near_duplicates": "one",
    "images.keep": "flat <= 0.5",
    "images.keep_target": "sharpness > 0.1",
    "stages.kernels.estimator": "kernelgan",
    "stages.kernels.pool": "single",
    "stages.kernels.group": "exif",
    "stages.kernels.iterations": 99,
    "stages.kernels.restarts": 5,
    "stages.kernels.lanes": 3,
    "stages.kernels.as_published": True,
    "stages.kernels.tolerance": 0.02,
    "stages.kernels.precision": "float32",
    "stages.kernels.crop": 48,
    "stages.kernels.shave": 4,
    "stages.kernels.learning_rate": "3e-3",
    "stages.kernels.kept_weights": 77,
    "stages.lens.rings": 3,
    "stages.lens.only": "A Phone",
    "stages.noise.patch": 32,
    "stages.noise.stride": 8,
    "stages.noise.max_variance": 30,
    "stages.noise.min_variance": 0.5,
    "stages.noise.min_mean": 10,
    "stages.noise.max_structure": 0.3,
    "stages.noise.max_clipped": 0.3,
    "stages.noise.group": "folder",
    "stages.camera.jpeg": 80,
    "stages.camera.only": "A Phone",
    "stages.pairs.degradation": "camera",
    "stages.references.count": 3,
    "stages.references.candidates": 9,
    "stages.references.features": 99,
    "stages.pairs.tile": 64,
    "stages.pairs.cleanup": 1,
    "stages.pairs.kernels": "bicubic",
    "stages.pairs.kernel_jitter": True,
    "stages.pairs.bake_noise": True,
    "stages.pairs.noise_model": "scaled",
    "stages.pairs.use_target": True,
    "stages.pairs.valid": 0.3,
    "stages.train.settings.network.features": 4,
    "stages.train.settings.network.blocks": 2,
    "stages.train.settings.network.growth": 3,
    "stages.train.settings.crop": 64,
    "stages.train.settings.batch": 3,
    "stages.train.settings.flips": False,
    "stages.train.settings.noise": False,
    "stages.train.settings.random_share": 0.25,
    "stages.train.settings.accumulate": 2,
    "stages.train.settings.further": {"ms-ssim": 0.5},
    "stages.train.settings.perceptual_distance": "contextual",
    "stages.train.settings.psnr.optimiser": "adamw",
    "stages.train.settings.psnr.weight_decay": 0.1,
    "stages.train.settings.gan.optimiser": "schedule-free",
    "stages.train.settings.gan.weight_decay": 0.1,
    "stages.train.settings.psnr.steps": 5,
    "stages.train.settings.psnr.learning_rate": "1e-5",
    "stages.train.settings.psnr.betas": [0.5, 0.6],
    "stages.train.settings.psnr.milestones": [4],
    "stages.train.settings.psnr.gamma": 0.1,
    "stages.train.settings.psnr.schedule": "cosine",
    "stages.train.settings.psnr.periods": 4,
    "stages.train.settings.psnr.final_rate": 0,
    "stages.train.settings.psnr.warm_up": 3,
    "stages.train.settings.gan.steps": 5,
    "stages.train.settings.gan.learning_rate": "1e-5",
    "stages.train.settings.gan.betas": [0.5, 0.6],
    "stages.train.settings.gan.milestones": [4],
    "stages.train.settings.gan.gamma": 0.1,
    "stages.train.settings.gan.schedule": "cosine",
    "stages.train.settings.gan.periods": 4,
    "stages.train.settings.gan.final_rate": 0,
    "stages.train.settings.gan.warm_up": 3,
    "stages.train.settings.loss.pixel": 2,
    "stages.train.settings.loss.perceptual": 0,
    "stages.train.settings.loss.adversarial": 0,
    "stages.train.settings.perceptual_layers": {"relu1_1": 0.5},
    "stages.train.settings.pixel_loss": "charbonnier",
    "stages.train.settings.discriminator": "unet",
    "stages.train.settings.objective": "hinge",
    "stages.train.settings.degradation": "on-the-fly",
    "stages.train.settings.noise_model": "synthesised",
    "stages.train.settings.ema": 0.5,
    "stages.train.settings.clip": 0.5,
    "stages.train.settings.precision": "bfloat16",
    "stages.train.settings.compile": True,
    "stages.train.settings.device": "cpu",
    "stages.train.settings.threads": 2,
    "stages.train.settings.log_every": 2,
    "stages.train.settings.save_every": 2,
    "stages.train.settings.validate_every": 2,
    "stages.train.settings.validation_tiles": 2,
}
"""A valid value for every field, other than the default; a field that is new belongs here."""

NEEDS = {
    "stages.pairs.noise_model": "stages.pairs.bake_noise=true",
    "stages.train.settings.psnr.weight_decay": "stages.train.settings.psnr.optimiser=adamw",
    "stages.train.settings.gan.weight_decay": "stages.train.settings.gan.optimiser=adamw",
}
"""What else must be set for a field to mean something."""

STAGE_VALUES = {
    "steps": 5,
    "learning_rate": "1e-5",
    "betas": [0.5, 0.6],
    "milestones": [4],
    "gamma": 0.2,
    "schedule": "cosine",
    "periods": 4,
    "final_rate": 0,
    "warm_up": 3,
}
TTSR_VALUES = {
    "network.shallow": 2,
    "network.first": 2,
    "network.second": 2,
    "network.third": 2,
    **{
        f"{stage}.{field}": value
        for stage in ("reconstruction", "all")
        for field, value in STAGE_VALUES.items()
    },
    "loss.reconstruction": 2,
    "loss.transferal": 2,
    "references": 2,
    "unrelated": 0.5,
    "extractor_rate": 0.5,
    "critic_betas": [0.5, 0.6],
    "critic_steps": 3,
}
TTSR_VALUES = {f"stages.train.settings.{field}": value for field, value in TTSR_VALUES.items()}
"""The same for fields that only TTSR has."""

SRNTT_VALUES = {
    "network.content": 2,
    "content_loss": "l1",
    "loss.texture": 2,
    "texture_weighting": "paper",
    "truth": False,
    "start_from_content": True,
    **{f"content.{field}": value for field, value in STAGE_VALUES.items()},
}
SRNTT_VALUES = {f"stages.train.settings.{field}": value for field, value in SRNTT_VALUES.items()}
"""The same for fields that only SRNTT has."""
SHARED = {f"stages.{place}" for place in ("kernels.scale", "kernels.seed")}
SHARED |= {
    "stages.lens.scale",
    "stages.references.scale",
    "stages.camera.scale",
    "stages.camera.seed",
}
SHARED |= {f"stages.{place}" for place in ("pairs.scale", "pairs.seed", "train.settings.seed")}
"""Set once, at the recipe's top."""
