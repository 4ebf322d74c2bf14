"""The few facts about torch and its companions that signatures don't tell, as tables with their reasons.

Keys are patterns of `fnmatch` for `TARGET.PARAMETER`, such as `torch.nn.Conv?d.padding`; the first that
matches holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from typing import Any, TypeVar

from yamlnet.catalog import transforms
from yamlnet.catalog.entry import REQUIRED, Inferred

T = TypeVar("T")


def first(table: Mapping[str, T], key: str) -> T | None:
    """What the table says about a parameter."""
    return next((value for pattern, value in table.items() if fnmatchcase(key, pattern)), None)


NOT_MODULES = {
    "Module": "is the base of all; a network is written with containers",
    "Container": "is a deprecated alias of Module",
    "Sequential": "is a container of the language",
    "ModuleDict": "is a container of the language",
    "ModuleList": "is a container of the language",
    "ParameterDict": "is a value of the language, not a step",
    "ParameterList": "is a value of the language, not a step",
    "RNNBase": "is the base of RNN, LSTM and GRU; has no forward",
    "RNNCellBase": "is the base of the cells; has no forward",
    "DataParallel": "wraps a whole network for several devices, which is the trainer's matter",
    "NLLLoss2d": "is a deprecated alias of NLLLoss",
    "Lazy*": "isn't needed: sizes are inferred for the plain classes",
}
"""Classes of torch.nn (patterns) that are no entries."""

NOT_OPS = {
    "FeaturePyramidNetwork": "takes and gives a dictionary of tensors",
    "MultiScaleRoIAlign": "takes a dictionary of tensors, and boxes",
    "PSRoI*": "takes boxes, which no batch of the language has",
    "RoI*": "takes boxes, which no batch of the language has",
}
"""Modules of torchvision.ops (patterns) that are no entries."""

NOT_OPTIMIZERS = {"Optimizer": "is the base of all"}

NOT_SCHEDULERS = {
    "LRScheduler": "is the base of all",
    "_LRScheduler": "is a deprecated alias of LRScheduler",
    "LambdaLR": "takes a Python function, and a file holds no code",
    "MultiplicativeLR": "takes a Python function, and a file holds no code",
}

NOT_METRICS = {
    "Metric": "is the base of all",
    "BaseAggregator": "is the base of some",
    "CatMetric": "gives all values",
    "Running*": "takes the last steps alone, which are no figure of an epoch",
    "*ConfusionMatrix": "gives a matrix",
    "ROC": "gives a curve",
    "BinaryROC": "gives a curve",
    "MulticlassROC": "gives a curve",
    "MultilabelROC": "gives a curve",
    "*PrecisionRecallCurve": "gives a curve",
    "*At*": "gives a threshold too",
    "*StatScores": "gives five numbers",
    "BinaryFairness": "gives several numbers",
    "BinaryGroupStatRates": "gives several numbers",
    "MultilabelEER": "gives a number for each label",
    "ClusterAccuracy": "needs another package",
    "*Inception*": "needs a network that is downloaded",
    "LearnedPerceptual*": "needs a network that is downloaded",
    "Perceptual*": "needs another package, or a network",
    "DeepImage*": "needs a network that is downloaded",
    "QualityWithNoReference": "takes a dictionary of tensors",
    "SpatialDistortionIndex": "takes a dictionary of tensors",
    "PermutationInvariantTraining": "needs a Python function",
}
"""Metrics of torchmetrics (patterns) that are no entries."""

LEFT_OUT: Mapping[str, tuple[Mapping[str, str], ...]] = {
    "module": (NOT_MODULES, NOT_OPS),
    "optimizer": (NOT_OPTIMIZERS,),
    "scheduler": (NOT_SCHEDULERS,),
    "metric": (NOT_METRICS,),
}


def left_out(name: str, kind: str) -> str | None:
    """Why a class isn't in the catalogue, None for what is no such class."""
    if kind == "transform":
        return first(transforms.NOT_TRANSFORMS, name)
    reasons = {pattern.strip("*"): why for table in LEFT_OUT.get(kind, ()) for pattern, why in table.items()}
    return f"it {reasons[name]}" if name in reasons else None


RISING = {
    "torchmetrics.classification.*NegativePredictiveValue": True,
    "torchmetrics.classification.*Specificity": True,
    "torchmetrics.classification.*EER": False,
    "torchmetrics.clustering.Adjusted*": True,
    "torchmetrics.clustering.DaviesBouldinScore": False,
    "torchmetrics.image.SpectralDistortionIndex": False,
    "torchmetrics.clustering.NormalizedMutualInfoScore": True,
    "torchmetrics.clustering.RandScore": True,
    "torchmetrics.regression.KendallRankCorrCoef": True,
    "torchmetrics.regression.PearsonCorrCoef": True,
    "torchmetrics.regression.TweedieDevianceScore": False,
}
"""Whether higher is better, where torchmetrics doesn't say, or says the opposite of what holds."""

SIGNATURES: dict[str, tuple[str, tuple[str, ...], tuple[tuple[str, str, str], ...]]] = {
    "LSTM": ("RNNBase", ("mode",), ()),
    "GRU": ("RNNBase", ("mode", "proj_size"), ()),
    "RNN": ("RNNBase", ("mode", "proj_size"), (("nonlinearity", "num_layers", "tanh"),)),
}
"""Classes that declare `*args`: the class that has the signature, what of it they refuse, and the texts they
take beside it: name, the parameter before, and default."""

IN_BUILDERS: dict[str, tuple[tuple[str, str, Any], ...]] = {
    "torchvision.models.mobilenet_v3_*": (
        ("width_mult", "float", 1.0),
        ("reduced_tail", "bool", False),
        ("dilated", "bool", False),
    ),
}
"""What a model's builder takes beside the parameters of its class: name, annotation and default."""

HIDDEN = (
    "*.device",  # the trainer's matter, and dtype with it
    "*.dtype",
    "*.size_average",  # deprecated for `reduction`, and reduce with it
    "*.reduce",
    "*._*",  # private
    "*.out",  # writes into another tensor
    "torch.nn.functional.*.inplace",  # would change a value that other steps still use
    "*.generator",  # random numbers come from the run's seed
    "*.out_dtype",
    "*.layout",  # how a tensor lies in memory
    "*.memory_format",
    "*.pin_memory",
    "*.requires_grad",
    "torch.Tensor.expand.implicit",  # for torch's own use
    "torch.tensor_split.tensor_indices_or_sections",  # a tensor whose values decide the shapes
    "torch.nn.functional.gumbel_softmax.eps",  # deprecated, without effect
    "torch.nn.functional.scaled_dot_product_attention.dropout_p",  # drops in evaluation too
    "*.last_epoch",  # a resumed run knows it
    "torch.nn.SyncBatchNorm.process_group",  # an object that a file can't name
    "torch.nn.Hardtanh.m??_value",  # deprecated for min_val and max_val
    "torch.nn.*.options",  # tuning object of linear_cross_entropy
    "*.scale_fn",  # Python functions
    "torch.nn.functional.*.distance_function",
    "torchvision.models.*.block",  # classes with a signature of torchvision's own
    "torchvision.models.*.block_type",
    "torchvision.models.*.*blocks",
    "torchvision.models.*.conv_stem_configs",
    "torchvision.models.*.downsample_layer",
    "torchvision.models.*.inverted_residual",
    "torchvision.models.*.stem_type",
    "torchvision.models.*.dropout_aux",  # of the auxiliary heads
    "torchvision.transforms.v2.*.inplace",  # would change the data themselves
    "torchvision.datasets.*transform*",  # what the section `data` says for all data sets
    "torchvision.datasets.*.train",  # yamlnet reads every part
    "torchvision.datasets.QMNIST.what",
    "torchvision.datasets.[!E]*.split",  # but that of EMNIST, which chooses classes
    "torchvision.datasets.STL10.folds",
    "torchvision.datasets.QMNIST.compat",  # without it a target is eight numbers
    "torchvision.datasets.C*.target_type",  # others than the default are no classes
    "torchvision.datasets.*.loader",  # Python functions
    "torchvision.datasets.ImageFolder.is_valid_file",
    "torchvision.datasets.ImageFolder.allow_empty",
    "torch.optim.*.differentiable",  # refused by torch outside of a differentiated training loop
)
"""Parameters that a file can't set."""

SUPPLIED = (
    "torch.optim.*.params",
    "torch.optim.lr_scheduler.*.optimizer",
    "torchvision.models.*.aux_logits",  # true would make the output a tuple, but in training only
)
"""Parameters that yamlnet fills in."""

KEYWORD_ONLY = ("*.batch_first",)
"""Parameters that are never the positional argument, whatever torch says."""

INFERRED = {
    "torch.nn.Linear.in_features": Inferred(-1),
    "torch.nn.Bilinear.in1_features": Inferred(-1, input=0),
    "torch.nn.Bilinear.in2_features": Inferred(-1, input=1),
    "torch.nn.Conv*.in_channels": Inferred(1),
    "torch.nn.*Norm*.num_features": Inferred(1),
    "torch.nn.GroupNorm.num_channels": Inferred(1),
    "torch.nn.LayerNorm.normalized_shape": Inferred(-1, form="tuple"),
    "torch.nn.RMSNorm.normalized_shape": Inferred(-1, form="tuple"),
    "torch.nn.*.input_size": Inferred(-1),
    "torch.nn.MultiheadAttention.embed_dim": Inferred(-1),
    "torch.nn.MultiheadAttention.kdim": Inferred(-1, input=1, only_if_different="embed_dim"),
    "torch.nn.MultiheadAttention.vdim": Inferred(-1, input=2, only_if_different="embed_dim"),
    "torch.nn.Transformer*.d_model": Inferred(-1),
    "torch.nn.Embedding.num_embeddings": Inferred(None),
    "torch.nn.functional.one_hot.num_classes": Inferred(None),  # -1 would take it from the values of a batch
    "torch.nn.AdaptiveLogSoftmaxWithLoss.in_features": Inferred(-1),
    "torch.nn.LinearCrossEntropyLoss.in_features": Inferred(-1),
    "torchvision.ops.*Conv*.in_channels": Inferred(1),
    "torchvision.ops.FrozenBatchNorm2d.num_features": Inferred(1),
    "torchvision.ops.MLP.in_channels": Inferred(-1),
    "torchvision.ops.SqueezeExcitation.input_channels": Inferred(1),
}
"""Sizes that follow from the inputs: what torch's lazy modules infer, and what follows in the same way."""

DEFAULTS: dict[str, Any] = {
    **transforms.DEFAULTS,
    "torch.nn.*.batch_first": REQUIRED,  # torch's `False` would mix the samples of a batch
    "torch.nn.functional.gelu.approximate": "none",  # their stubs write `...`
    "torch.nn.functional.softplus.beta": 1.0,
    "torch.nn.functional.softplus.threshold": 20.0,
    "torch.nn.functional.softshrink.lambd": 0.5,
    "torch.nn.functional.gumbel_softmax.tau": 1,
    "torch.squeeze.dim": REQUIRED,  # without it a batch of one sample loses its first axis
    "torch.roll.dims": REQUIRED,  # without it the samples of a batch are mixed
    "torch.where.input": REQUIRED,  # without it and `other`, `where` gives indices, as many as there are
    "torch.where.other": REQUIRED,
    "torch.repeat_interleave.input": REQUIRED,  # its other form takes `repeats` alone
    "torch.Tensor.view.size": REQUIRED,  # its other form reads the bytes as another dtype
    "torch.optim.lr_scheduler.CosineAnnealingLR.T_max": None,  # null: the length of the run
    "torch.optim.lr_scheduler.*.total_iters": None,
    "torchmetrics.*.task": None,  # null: what the shapes of output and target say, and so for the numbers
    "torchmetrics.*.num_classes": None,
    "torchmetrics.*.num_labels": None,
    "torchvision.models.*.image_size": None,  # null: that of the weights, else 224
    "torchvision.models.*.input_size": None,
    "torchvision.datasets.ImageFolder.root": REQUIRED,
    "torchvision.datasets.*.root": "data",  # torchvision has no default folder
    "torchvision.datasets.*.download": True,  # torchvision's default is not to
    "torchvision.models.*.transform_input": None,  # null: true with weights, else false
}

TYPES = {
    **transforms.TYPES,
    "torchmetrics.*.task": "'binary' | 'multiclass' | 'multilabel' | none",
    "torchmetrics.*.num_classes": "int | none",
    "torchmetrics.*.num_labels": "int | none",
    "torchmetrics.*.average": "'micro' | 'macro' | 'weighted'",  # `none` gives a number for each class
    "torchmetrics.*.multidim_average": "'global'",  # `samplewise` gives a number for each sample
    # their `Optional` of these choices may come in another order: Python gives the one that was made first
    "torchmetrics.*.aggregation_level": "'samplewise' | 'global' | none",
    "torchmetrics.image.TotalVariation.reduction": "'mean' | 'sum' | 'none' | none",
    "torch.optim.*.params": "any",
    "torch.optim.lr_scheduler.*.optimizer": "any",
    "torch.nn.MultiheadAttention.embed_dim": "int",  # has no annotations
    "torch.nn.MultiheadAttention.num_heads": "int",
    "torch.nn.MultiheadAttention.[kv]dim": "int | none",
    "torch.nn.Transformer.custom_*coder": "module | none",
    "torch.optim.lr_scheduler.*.schedulers": "list[scheduler]",
    "torch.nn.init.*.gain": "float | 'linear' | 'sigmoid' | 'tanh' | 'relu' | 'leaky_relu' | 'selu'",
    "torch.reshape.shape": "tuple[int | 'batch', ...]",  # `batch` is the size of the batch
    "torch.broadcast_to.size": "tuple[int | 'batch', ...]",
    "torch.unflatten.sizes": "tuple[int | 'batch', ...]",
    "torch.Tensor.expand.size": "tuple[int | 'batch', ...]",
    "torch.Tensor.view.size": "tuple[int | 'batch', ...]",
    "torch.nn.functional.affine_grid.size": "list[int | 'batch']",
    "torch.nn.functional.affine_grid.align_corners": "bool | none",  # their stub says Any
    "torch.nn.functional.grid_sample.align_corners": "bool | none",
    "torch.nn.functional.gaussian_nll_loss.full": "bool",  # their stub allows null, they themselves don't
    "torch.nn.functional.gaussian_nll_loss.eps": "float",
    "torch.nn.functional.gaussian_nll_loss.reduction": "str",
    "torch.nn.functional.fractional_max_pool2d.output_ratio": "tuple[float, float] | none",  # takes its len()
    "torchvision.ops.DeformConv2d.kernel_size": "int | tuple[int, int]",  # say `int`, and take pairs
    "torchvision.ops.DeformConv2d.stride": "int | tuple[int, int]",
    "torchvision.ops.DeformConv2d.padding": "int | tuple[int, int]",
    "torchvision.ops.DeformConv2d.dilation": "int | tuple[int, int]",
    "torchvision.datasets.*.root": "str",  # say `Path` too
    "torchvision.datasets.*.download": "bool",
    "torchvision.datasets.OxfordIIITPet.target_types": "'category' | 'binary-category'",
    "torch.nn.AvgPool1d.stride": "int | tuple[int] | none",  # contradicts its own default
}
"""Types that the annotations don't say."""

_REDUCTIONS = "'none' | 'mean' | 'sum'"
_INTERPOLATIONS = (
    "'nearest' | 'linear' | 'bilinear' | 'bicubic' | 'trilinear' | 'area' | 'nearest-exact' | 'lanczos'"
)

CHOICES = {
    "torchmetrics.regression.*.multioutput": "'uniform_average' | 'variance_weighted'",
    "torchmetrics.retrieval.*.empty_target_action": "'error' | 'skip' | 'neg' | 'pos'",
    "torch.nn.KLDivLoss.reduction": "'none' | 'batchmean' | 'mean' | 'sum'",
    "torch.nn.functional.kl_div.reduction": "'none' | 'batchmean' | 'mean' | 'sum'",
    "*.reduction": _REDUCTIONS,
    "torch.nn.Conv?d.padding": "'same' | 'valid'",
    "torch.nn.functional.conv?d.padding": "'same' | 'valid'",
    "torchvision.ops.Conv?dNormActivation.padding": "'same' | 'valid'",
    "torchvision.ops.StochasticDepth.mode": "'batch' | 'row'",
    "torch.nn.Upsample.mode": _INTERPOLATIONS,
    "torch.nn.functional.interpolate.mode": _INTERPOLATIONS,
    "torch.nn.EmbeddingBag.mode": "'sum' | 'mean' | 'max'",
    "torch.nn.functional.embedding_bag.mode": "'sum' | 'mean' | 'max'",
    "torch.nn.functional.pad.mode": "'constant' | 'reflect' | 'replicate' | 'circular'",
    "torch.nn.functional.grid_sample.mode": "'bilinear' | 'nearest' | 'bicubic'",
    "torch.nn.functional.grid_sample.padding_mode": "'zeros' | 'border' | 'reflection'",
    "torch.nn.RNN*.nonlinearity": "'tanh' | 'relu'",
    "*.approximate": "'none' | 'tanh'",
    "torch.nn.Transformer*.activation": "'relu' | 'gelu'",
    "torch.div.rounding_mode": "'trunc' | 'floor'",
    "torchvision.datasets.EMNIST.split": (
        "'byclass' | 'bymerge' | 'balanced' | 'letters' | 'digits' | 'mnist'"
    ),
    "torchvision.datasets.FGVCAircraft.annotation_level": "'variant' | 'family' | 'manufacturer'",
    "torchvision.datasets.Imagenette.size": "'full' | '320px' | '160px'",
    "torch.optim.LBFGS.line_search_fn": "'strong_wolfe'",
    "torch.optim.Muon.adjust_lr_fn": "'original' | 'match_rms_adamw'",
}
"""The choices of parameters that are plain `str` in torch."""

SUMMARIES = {
    **transforms.SUMMARIES,
    "torch.nn.CrossMapLRN2d": "Applies local response normalization across channels",
    "torch.nn.functional.pairwise_distance": "Computes the distance between each pair of input vectors",
    "torch.nn.functional.gumbel_softmax": "Draws from the Gumbel-Softmax distribution, hard as one-hot",
    "torch.detach": "Returns the tensor cut off from the graph: no gradient flows back through it",
    "torch.erf": "Computes the error function of input",
    "torch.expm1": "Computes the exponential of the elements minus 1 of input",
    "torch.masked_fill": "Fills elements of input with value where mask is true",
    "torch.Tensor.float": "Converts the elements to float32",
    "torch.Tensor.long": "Converts the elements to int64",
    "torchvision.ops.DeformConv2d": "Applies a deformable convolution; a second input moves where it looks",
    "torchvision.ops.DropBlock?d": "Zeroes blocks of neighbouring elements with a probability, in training",
    "torchvision.ops.MLP": "Linear layers in a row, with an activation and dropout after each",
    "torchvision.ops.Permute": "Reorders the dimensions, the batch being 0",
    "torchvision.ops.SqueezeExcitation": "Weighs each channel by what all channels hold on average",
    "torchvision.ops.StochasticDepth": "Zeroes whole samples, or the whole batch, in training",
}
"""Summaries of what torch and torchvision don't describe well."""

INPUT_NAMES = {"torch.nn.PoissonNLLLoss.log_input": "input"}
"""Inputs of a loss that are called as one of its options."""

LOSSES_TOO = ("AdaptiveLogSoftmaxWithLoss",)
"""Modules that are losses as well: in a network they take the target as an input."""
