"""The numbers that make no sense for a parameter although its type has them, as a table of patterns.

Only what torch refuses itself, or would compute nonsense with, is out of bounds; the first pattern of
`TARGET.PARAMETER` that matches holds.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Bounds:
    """The fields of `Parameter` that say which numbers are fine."""

    minimum: float | None = None
    exclusive_minimum: float | None = None
    maximum: float | None = None
    exclusive_maximum: float | None = None


ANY = Bounds()
COUNT = Bounds(minimum=1)
NOT_NEGATIVE = Bounds(minimum=0)
POSITIVE = Bounds(exclusive_minimum=0)
SHARE = Bounds(minimum=0, maximum=1)
DECAY = Bounds(minimum=0, exclusive_maximum=1)

BOUNDS = {
    "torch.nn.*Pad?d.padding": ANY,  # a negative padding crops
    "torch.nn.*Norm*.momentum": SHARE,
    "torch.nn.*Dropout*.p": SHARE,
    "torch.nn.*.dropout": SHARE,
    "torch.nn.Fold.output_size": COUNT,
    "torch.nn.functional.fold.output_size": COUNT,
    "*.label_smoothing": SHARE,
    "torchmetrics.*.threshold": SHARE,
    "torchmetrics.*.top_k": COUNT,
    "torchvision.transforms.v2.AugMix.severity": Bounds(minimum=1, maximum=10),
    "torchvision.transforms.v2.AugMix.mixture_width": COUNT,
    "torchvision.transforms.v2.AugMix.alpha": POSITIVE,
    "torchvision.transforms.v2.ColorJitter.hue": Bounds(minimum=-0.5, maximum=0.5),
    "torchvision.transforms.v2.ColorJitter.*": NOT_NEGATIVE,
    "torchvision.transforms.v2.ElasticTransform.sigma": POSITIVE,
    "torchvision.transforms.v2.GaussianBlur.sigma": POSITIVE,
    "torchvision.transforms.v2.GaussianNoise.sigma": NOT_NEGATIVE,
    "torchvision.transforms.v2.Grayscale.num_output_channels": Bounds(minimum=1, maximum=3),
    "torchvision.transforms.v2.JPEG.quality": Bounds(minimum=1, maximum=100),
    "torchvision.transforms.v2.Normalize.std": POSITIVE,
    "torchvision.transforms.v2.RandAugment.magnitude": NOT_NEGATIVE,
    "torchvision.transforms.v2.RandomAdjustSharpness.sharpness_factor": NOT_NEGATIVE,
    "torchvision.transforms.v2.RandomAffine.translate": SHARE,
    "torchvision.transforms.v2.RandomChoice.p": NOT_NEGATIVE,
    "torchvision.transforms.v2.RandomErasing.scale": SHARE,
    "torchvision.transforms.v2.RandomPerspective.distortion_scale": SHARE,
    "torchvision.transforms.v2.RandomPhotometricDistort.hue": Bounds(minimum=-0.5, maximum=0.5),
    "torchvision.transforms.v2.RandomPhotometricDistort.p": SHARE,
    "torchvision.transforms.v2.RandomPhotometricDistort.*": NOT_NEGATIVE,
    "torchvision.transforms.v2.RandomPosterize.bits": Bounds(minimum=0, maximum=8),
    "torchvision.transforms.v2.RandomZoomOut.side_range": Bounds(minimum=1),
    "torchvision.transforms.v2.*.scale": POSITIVE,
    "torchvision.transforms.v2.*.scale_range": POSITIVE,
    "torchvision.transforms.v2.*.ratio": POSITIVE,
    "torchvision.transforms.v2.*.p": SHARE,
    "torchvision.transforms.v2.*.size": COUNT,
    "torchvision.*dropout": SHARE,
    "torchvision.*.drop_rate": SHARE,
    "torchvision.*.stochastic_depth_prob": SHARE,
    "torchvision.ops.*.p": SHARE,
    "torchvision.datasets.DTD.partition": Bounds(minimum=1, maximum=10),
    "torchvision.datasets.FakeData.size": COUNT,
    "torchvision.*_ratio": POSITIVE,
    "torchvision.*.width_mult": POSITIVE,
    "torchvision.*_channels": COUNT,
    "torchvision.*_size": COUNT,
    "torchvision.*.width_per_group": COUNT,
    "torchvision.*.stem_width": COUNT,
    "torchvision.*.round_nearest": COUNT,
    "torch.nn.*.size": COUNT,
    "*.output_size": NOT_NEGATIVE,
    "*.scale_factor": POSITIVE,
    "*.output_ratio": Bounds(exclusive_minimum=0, exclusive_maximum=1),
    "torch.nn.HuberLoss.delta": POSITIVE,
    "torch.nn.functional.huber_loss.delta": POSITIVE,
    "torch.nn.*MultiMarginLoss.p": Bounds(minimum=1, maximum=2),
    "torch.nn.functional.multi_margin_loss.p": Bounds(minimum=1, maximum=2),
    "torch.nn.init.sparse_.sparsity": SHARE,
    "torch.nn.init.*.std": NOT_NEGATIVE,
    "torch.nn.functional.gumbel_softmax.tau": POSITIVE,
    "torch.chunk.chunks": COUNT,
    "torch.tensor_split.sections": COUNT,
    "torch.split.split_size_or_sections": NOT_NEGATIVE,
    "torch.narrow.length": NOT_NEGATIVE,
    "torch.topk.k": NOT_NEGATIVE,
    "torch.tile.dims": NOT_NEGATIVE,
    "torch.repeat_interleave.repeats": NOT_NEGATIVE,
    "torch.bernoulli.p": SHARE,
    "torch.optim.*.betas": DECAY,
    "torch.optim.*.rho": SHARE,
    "torch.optim.RMSprop.alpha": NOT_NEGATIVE,
    "torch.optim.*.history_size": COUNT,
    "torch.optim.*.max_iter": COUNT,
    "torch.optim.*.initial_accumulator_value": NOT_NEGATIVE,
    "torch.optim.*.momentum_decay": NOT_NEGATIVE,
    "torch.optim.*.lr_decay": NOT_NEGATIVE,
    "torch.optim.Muon.ns_steps": Bounds(minimum=1, exclusive_maximum=100),
    "torch.optim.lr_scheduler.ReduceLROnPlateau.factor": Bounds(exclusive_maximum=1),
    "torch.optim.lr_scheduler.ConstantLR.factor": SHARE,
    "torch.optim.lr_scheduler.LinearLR.start_factor": Bounds(exclusive_minimum=0, maximum=1),
    "torch.optim.lr_scheduler.LinearLR.end_factor": SHARE,
    "torch.optim.lr_scheduler.OneCycleLR.pct_start": SHARE,
    "torch.optim.lr_scheduler.*.*div_factor": POSITIVE,
    "torch.optim.lr_scheduler.*.gamma": POSITIVE,
    "torch.optim.lr_scheduler.*.??x_lr": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.base_lr": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.min_lr": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.patience": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.cooldown": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.milestones": NOT_NEGATIVE,
    "torch.optim.lr_scheduler.*.T_max": COUNT,
    "torch.optim.lr_scheduler.*.T_0": COUNT,
    "torch.optim.lr_scheduler.*.T_mult": COUNT,
    "torch.optim.lr_scheduler.*.total_*": COUNT,
    "torch.optim.lr_scheduler.*.epochs": COUNT,
    "torch.optim.lr_scheduler.*.steps_per_epoch": COUNT,
    "torch.optim.lr_scheduler.*.step_size*": COUNT,
    "*.lr": NOT_NEGATIVE,
    "*.momentum": NOT_NEGATIVE,
    "*.weight_decay": NOT_NEGATIVE,
    "*eps": NOT_NEGATIVE,
    "*.kernel_size": COUNT,
    "*.stride": COUNT,
    "*.dilation": COUNT,
    "*.padding": NOT_NEGATIVE,
    "*.output_padding": NOT_NEGATIVE,
    "*.groups": COUNT,
    "*.upscale_factor": COUNT,
    "*.downscale_factor": COUNT,
    "*.normalized_shape": COUNT,
    "*.num_*": COUNT,
    "*.n_classes": COUNT,
    "*.in*_features": COUNT,
    "*.out_features": COUNT,
    "*.in_channels": COUNT,
    "*.out_channels": COUNT,
    "*.nhead": COUNT,
    "*.hidden_size": COUNT,
    "*.input_size": COUNT,
    "*.proj_size": NOT_NEGATIVE,
    "*.embed*_dim": COUNT,
    "*.[kv]dim": COUNT,
    "*.d_model": COUNT,
    "*.dim_feedforward": COUNT,
}
