"""TTSR: texture transferred from references, a reconstruction stage, then one with all losses.

Yang et al. 2020, *Learning Texture Transformer Network for Image Super-Resolution*, section 3.3.
Pixels are compared, and shown to the critic, in [-1, 1].
"""

import torch
from torch import Tensor
from torch.optim import Adam

from sr_train.data.batch import Batch, enlarged, textures_to_learn
from sr_train.losses.adversarial import wasserstein_generator_loss
from sr_train.losses.perceptual import FrozenNetworks, perceptual
from sr_train.losses.pixel import l1
from sr_train.losses.texture import transferal
from sr_train.networks.vgg19 import VggFeatures
from sr_train.reference.texture_discriminator import TextureDiscriminator
from sr_train.reference.ttsr import TTSR, Textures
from sr_train.settings.common import StageSettings
from sr_train.settings.ttsr import TtsrSettings
from sr_train.training.critic import add_critic, train_critic
from sr_train.training.loop import Step, TrainingStage
from sr_train.training.optimisers import start_average
from sr_train.training.stages import initial, update
from sr_train.training.training_run import Method

PERCEPTUAL_LAYERS = {"relu5_1": 1.0}


def build_generator(settings: TtsrSettings, scale: int) -> TTSR:
    """Return the main network and the texture extractor."""
    return TTSR(scale, **settings.network.model_dump())


def build_critic(settings: TtsrSettings) -> TextureDiscriminator:
    """Return the network that the second stage trains against."""
    return TextureDiscriminator(settings.crop, norm=0)


def start(generator: TTSR, vgg: VggFeatures) -> None:
    """Let the texture extractor start from VGG19's weights (section 3.1)."""
    generator.LTE.start_from(vgg)


def reconstruction_stage(
    settings: TtsrSettings, generator: TTSR, frozen: FrozenNetworks
) -> TrainingStage:
    """Return the first stage: L1 (equation 9) alone."""
    adam = _adam(settings, settings.reconstruction, generator)

    def step(batch: Batch) -> dict[str, Tensor]:
        loss = l1(*_signed(enlarged(generator, batch), batch.hr))
        update(adam, loss)
        return {"reconstruction": loss.detach()}

    return _stage("reconstruction", settings, settings.reconstruction, step, generator, adam)


def all_stage(settings: TtsrSettings, generator: TTSR, frozen: FrozenNetworks) -> TrainingStage:
    """Return the second stage: L1, perceptual, transferal and WGAN-GP (equation 8).

    The critic takes its steps first, all of them on the SR that the generator then learns from.
    """
    adam = _adam(settings, settings.all, generator)
    weights = settings.loss
    critic = initial(build_critic, settings, generator) if weights.adversarial else None

    def losses(sr: Tensor, batch: Batch, textures: Textures) -> dict[str, Tensor]:
        hr = batch.hr
        fake, real = _signed(sr, hr)
        found = {"reconstruction": l1(fake, real)}
        if weights.perceptual and frozen.vgg is not None:
            found["perceptual"] = perceptual(frozen.vgg, sr, hr, PERCEPTUAL_LAYERS, "mse")
        if weights.transferal:
            levels = generator.frozen_features(sr)[::-1]
            wanted = textures_to_learn(levels, textures.maps, batch.related)
            found["transferal"] = transferal(levels, wanted)
        if critic is not None:
            found["adversarial"] = wasserstein_generator_loss(critic(fake))
        return found

    def step(batch: Batch) -> dict[str, Tensor]:
        assert batch.references is not None
        textures = generator.textures(batch.lr, batch.references)
        sr = generator.enlarge(batch.lr, textures)
        shown = {}
        if critic is not None:
            shown["discriminator"] = train_critic(stage, settings, *_signed(sr, batch.hr))
        found = losses(sr, batch, textures)
        update(adam, torch.stack([getattr(weights, name) * found[name] for name in found]).sum())
        return {name: loss.detach() for name, loss in found.items()} | shown

    stage = _stage("all", settings, settings.all, step, generator, adam)
    if critic is not None:
        add_critic(stage, critic, settings, settings.all)
    return stage


def _signed(sr: Tensor, hr: Tensor) -> tuple[Tensor, Tensor]:
    """Return pictures in [0, 1] in [-1, 1]."""
    return 2 * sr.float() - 1, 2 * hr - 1


def _adam(settings: TtsrSettings, stage: StageSettings, generator: TTSR) -> Adam:
    """Return Adam with the texture extractor's own rate; at rate 0 it costs no gradients."""
    for weights in (generator.LTE.slice1, generator.LTE.slice2, generator.LTE.slice3):
        weights.requires_grad_(settings.extractor_rate > 0)
    extractor = [weight for weight in generator.LTE.parameters() if weight.requires_grad]
    groups = [
        {"params": list(generator.MainNet.parameters()), "rate_share": 1.0},
        {"params": extractor, "rate_share": settings.extractor_rate},
    ]
    return Adam(groups, lr=stage.learning_rate, betas=stage.betas)


def _stage(
    name: str,
    settings: TtsrSettings,
    stage: StageSettings,
    step: Step,
    generator: TTSR,
    adam: Adam,
) -> TrainingStage:
    average = start_average(generator, settings.ema)
    return TrainingStage(
        name=name,
        settings=stage,
        step=step,
        live=generator,
        average=average,
        networks={"generator": generator, "average": average},
        optimisers={"generator": adam},
    )


METHOD = Method(
    build_generator, {"reconstruction": reconstruction_stage, "all": all_stage}, start=start
)
