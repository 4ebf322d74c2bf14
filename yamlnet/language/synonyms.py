"""A name, parameter or key as other tools have it -> what PyTorch and this language call it, and where.

Keras, PyTorch Lightning and habit: they are never taken for ours, but offered where a file has a mistake.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from yamlnet.catalog.entry import Kind
from yamlnet.diagnostics import Path


def _table(lines: str) -> dict[str, tuple[str, ...]]:
    """`ours: theirs theirs` for each line -> theirs, and what each may mean."""
    found: dict[str, tuple[str, ...]] = {}
    for line in lines.strip().splitlines():
        ours, _, theirs = line.strip().partition(": ")
        for name in theirs.split():
            found[name] = (*found.get(name, ()), ours)
    return found


_MODULES = _table("""
    Linear: dense fc fullyconnected linear linearlayer
    Conv2d: conv convolution convolution2d convlayer conv2dlayer
    ConvTranspose2d: conv2dtranspose deconv deconvolution deconv2d transposedconv
    MaxPool2d: maxpooling maxpool maxpooling2d pool
    AvgPool2d: avgpooling avgpool averagepooling averagepooling2d avgpooling2d
    AdaptiveAvgPool2d: globalaveragepooling2d globalaveragepooling globalavgpool
    AdaptiveAvgPool2d: globalavgpool2d globalpool
    AdaptiveMaxPool2d: globalmaxpooling2d globalmaxpooling globalmaxpool
    BatchNorm2d: batchnormalization batchnorm bn
    LayerNorm: layernormalization ln
    GroupNorm: groupnormalization
    Upsample: upsampling2d upsampling
    ZeroPad2d: zeropadding2d zeropadding
    SiLU: swish
    MultiheadAttention: attention selfattention mha
    TransformerEncoderLayer: transformerblock transformerlayer
    Sequential: layers layer stack modules chain seq list
    ModuleDict: graph nodes functional
    Residual: skip shortcut skipconnection residualblock
    Parallel: branches branch concat_branches
    cat: concat concatenate
    sub: subtract
    mul: multiply
""")
_LOSSES = _table("""
    CrossEntropyLoss: ce crossentropy crossentropyloss categoricalcrossentropy softmaxcrossentropy
    CrossEntropyLoss: sparsecategoricalcrossentropy xent
    MSELoss: mse meansquarederror mseloss l2 l2loss
    L1Loss: mae l1 meanabsoluteerror
    BCELoss: bce binarycrossentropy
    BCEWithLogitsLoss: bcewithlogits bcelogits binarycrossentropywithlogits sigmoidcrossentropy
    NLLLoss: nll negativeloglikelihood
    KLDivLoss: kl kld kldivergence kullbackleibler
    HuberLoss: huber
    SmoothL1Loss: smoothl1
    TripletMarginLoss: triplet tripletloss
    CosineEmbeddingLoss: cosine cosinesimilarity
    CTCLoss: ctc
""")
_METRICS = _table("""
    Accuracy: acc top1 top1accuracy
    Accuracy: categoricalaccuracy sparsecategoricalaccuracy binaryaccuracy
    F1Score: f1 fscore
    AUROC: auc rocauc aucroc
    MeanSquaredError: mse mseloss
    MeanAbsoluteError: mae l1loss
    JaccardIndex: iou miou
    R2Score: r2
""")
_OPTIMIZERS = _table("""
    SGD: momentum gd
    AdamW: adamweightdecay
""")
_SCHEDULERS = _table("""
    CosineAnnealingLR: cosine cosinelr cosineannealing cosinedecay
    StepLR: step steplr stepdecay
    MultiStepLR: multistep
    ExponentialLR: exponential exponentialdecay
    OneCycleLR: onecycle 1cycle
    ReduceLROnPlateau: plateau reduceonplateau
    LinearLR: linear warmup linearwarmup
    PolynomialLR: poly polynomial
    ConstantLR: constant
    CosineAnnealingWarmRestarts: cosinerestarts warmrestarts sgdr
""")
_INITS = _table("""
    xavier_uniform: xavier glorot glorotuniform
    xavier_normal: glorotnormal
    kaiming_normal: kaiming he henormal
    kaiming_uniform: heuniform
    trunc_normal: truncatednormal
    normal: gaussian randomnormal
    uniform: randomuniform
    zeros: zero
    ones: one
""")
_DATASETS = _table("""
    MNIST5k: mnist5000
    CIFAR10: cifar
    Csv: csvfile table
""")
_FIELDS = _table("""
    number: numeric numerical numbers float float32 float64 double real int int64 integer long continuous
    category: categorical categories class classes label string str text object enum nominal factor
""")

NAMES: Mapping[Kind, Mapping[str, tuple[str, ...]]] = {
    "module": _MODULES,
    "function": _MODULES,
    "loss": _LOSSES,
    "metric": _METRICS,
    "optimizer": _OPTIMIZERS,
    "scheduler": _SCHEDULERS,
    "init": _INITS,
    "dataset": _DATASETS,
    "field": _FIELDS,
}

PARAMETERS: Mapping[str, tuple[str, ...]] = _table("""
    out_channels: filters channels out num_filters n_filters out_planes planes
    out_features: units features out num_units n_units output_size output_dim neurons nodes width
    hidden_size: units hidden num_units n_hidden hidden_dim
    kernel_size: kernel ksize pool_size k size kernel_shape
    stride: strides
    padding: pad
    dilation: dilation_rate
    bias: use_bias
    p: rate prob dropout drop_prob probability ratio
    eps: epsilon
    dim: axis axes
    dims: axis axes
    keepdim: keepdims keep_dims
    negative_slope: alpha slope
    nhead: num_heads heads n_heads n_head
    num_heads: nhead heads n_heads n_head
    embedding_dim: dim embed_dim embedding_size output_dim
    num_embeddings: vocab_size input_dim num_tokens
    dim_feedforward: ff_dim mlp_dim d_ff hidden_dim
    num_layers: layers n_layers depth
    scale_factor: scale size
    lr: learning_rate rate lrate
    weight_decay: wd l2 decay weight_reg
    betas: beta1 beta2 beta_1 beta_2
    step_size: step steps every
    gamma: factor decay drop
    T_max: epochs max_epochs t_max total_steps
    milestones: steps epochs
    max_lr: lr peak_lr
    ignore_index: ignore
    path: file filename root
    root: path folder dir directory
""")

_DOCUMENT = _table("""
    model: network net architecture arch
    loss: criterion loss_fn loss_function objective losses
    optimizer: optim opt
    scheduler: lr_scheduler schedule lr_schedule
    train: training trainer fit
    metrics: metric
    seed: random_seed random_state manual_seed
    data: dataloader datamodule
    vars: variables params parameters hparams constants defaults
    extends: base include inherits
    expect: assert asserts expectations checks
    name: experiment experiment_name run_name
""")
_KEYS: Mapping[str, tuple[str, ...]] = _table("""
    train.epochs: max_epochs num_epochs n_epochs nb_epochs n_epoch num_epoch
    train.steps: max_steps num_steps n_steps iterations max_iters num_iterations
    train.device: gpus gpu accelerator devices cuda use_cuda
    train.precision: amp mixed_precision fp16 half use_amp
    train.memory_format: channels_last
    train.compile: torch_compile use_compile compiled
    train.clip: gradient_clip gradient_clip_val grad_clip clip_norm clip_grad clip_grad_norm max_grad_norm
    train.clip: gradient_clipping clip_gradients
    train.accumulate: accumulate_grad_batches gradient_accumulation gradient_accumulation_steps grad_accum
    train.ema: ema_decay
    train.stop: early_stopping early_stop earlystopping patience
    train.checkpoint: save_best save_every checkpoints save_top_k
    train.evaluate: eval_every val_every validate_every val_check_interval check_val_every_n_epoch
    data.batch_size: bs batch batchsize train_batch_size
    data.validation: val_split valid_split validation_split val valid val_size dev
    data.test: test_split test_size
    data.augment: augmentation augmentations data_augmentation
    data.transforms: transform preprocessing
    data.dataset: name type source set
    data.target: targets label labels y
    data.fields: columns features
    data.workers: num_workers n_workers loader_workers num_proc
    data.memory: max_memory memory_limit cache_size
    model.input: input_shape input_size input_dim in_shape
""")

SIDES: Mapping[str, tuple[str, ...]] = _table("""
    input: input_shape input_size input_dim in_shape shape input_dims
    from: input inputs source src after bottom parents
    repeat: times num count copies n_times
    if: when enabled condition
    freeze: frozen trainable requires_grad
    init: initializer kernel_initializer weight_init initialization
    weights: pretrained checkpoint ckpt
    shape: size dims
    output: outputs
    tie: share shared tied
    groups: param_groups parameter_groups
    every: interval frequency
    metric: monitor
    match: pattern params parameters modules
    type: layer module class layers
""")

AUTOMATIC: Mapping[str, str] = {
    "shuffle": "the training split is shuffled anew each epoch",
    "pin_memory": "batches for a GPU are, where `workers` prepare them",
    "prefetch_factor": "each of the `workers` prepares two batches ahead",
    "persistent_workers": "`workers` live as long as the training",
    "drop_last": "the last batch is as small as it is",
    "download": "what can be downloaded is, on first use",
    "num_classes": "the number of classes follows from the data: `$num_classes`",
    "log_every": "a record is written each time the run is measured",
    "verbose": "`--quiet` leaves the bar out",
}
"""What other tools have keys for, and nothing needs to be said about here."""

EXAMPLES: Mapping[str, str] = {
    "train.stop": "stop: {metric: validation.loss, patience: 3}",
    "train.clip": "clip: {norm: 1.0}",
    "train.precision": "precision: bf16",
    "train.memory_format": "memory_format: channels_last",
    "train.device": "device: cuda",
    "train.checkpoint": "checkpoint: {best: validation.loss}",
}
"""Keys whose values look otherwise than those of other tools."""

OF_OPTIMIZER = ("lr", "learning_rate", "weight_decay", "momentum", "betas", "wd")


def names_meant(name: str, kinds: Sequence[Kind]) -> tuple[str, ...]:
    """What a name of another tool may mean, the likeliest first."""
    folded = name.lower().replace("_", "").replace("-", "").replace(" ", "")
    found = (meant for kind in kinds for meant in NAMES.get(kind, {}).get(folded, ()))
    return tuple(dict.fromkeys(found))


_TOP_K = re.compile(r"top(\d{1,4}|k)(.*)|(.*?)(?:top|(?<=acc)|(?<=accuracy)|@)(\d{1,4}|k)")


def top_k_meant(name: str, argument: Any, known: Collection[str]) -> tuple[str, dict[str, Any]] | None:
    """The metric and its arguments for what other tools call `Top5Accuracy` or `precision@5`."""
    found = _TOP_K.fullmatch(re.sub(r"[-_ ]|categorical", "", name.lower()))
    if found is None:
        return None
    base, number = found[2] or found[3] or "accuracy", found[1] or found[4]
    base = "accuracy" if base == "acc" else base
    ours = next((metric for metric in known if metric.lower() == base), None)
    others = dict(argument) if isinstance(argument, dict) else {"k": argument}
    said = [others.pop(key, None) for key in ("k", "top_k")]
    top_k = next((count for count in said if isinstance(count, int)), 5) if number == "k" else int(number)
    return (ours, {"top_k": top_k, **others}) if ours is not None and top_k > 1 else None


def parameter_meant(name: str, free: Collection[str]) -> str | None:
    """Which of a call's parameters a name of another tool means."""
    meant = PARAMETERS.get(name.lower(), ())
    return next((parameter for parameter in meant if parameter in free), None)


def key_meant(path: Path, sections: Mapping[str, Collection[str]]) -> tuple[str, str | None] | None:
    """The help and the suggestion for a key that belongs elsewhere, or has another name there.

    `sections` has the keys of each section, those of the document under an empty name.
    """
    key, section = str(path[-1]), ".".join(str(step) for step in path[:-1] if isinstance(step, str))
    if key in AUTOMATIC:
        return AUTOMATIC[key], None
    if key in OF_OPTIMIZER and section in ("", "train", "scheduler"):
        key = {"learning_rate": "lr", "wd": "weight_decay"}.get(key, key)
        return f"it is an argument of the optimizer: `optimizer: {{AdamW: {{{key}: ...}}}}`", None
    if any(meant.rpartition(".")[0] == section for meant in _KEYS.get(key, ())):
        return _renamed(key, section)
    place = next((place for place, keys in sections.items() if key in keys and place != section), None)
    if place is not None and (section in ("", "train", "data", "model") or not place):
        return (f"it stands in `{place}`" if place else "it stands at the top of the file"), None
    for meant in _DOCUMENT.get(key, ()) if not section else ():
        return f"did you mean `{meant}`?", meant
    for meant in _KEYS.get(key, ()):
        owner, _, name = meant.rpartition(".")
        return f"`{name}` in `{owner}` says it", None
    return None


def _renamed(key: str, section: str) -> tuple[str, str | None]:
    """The help and the suggestion for a key that has another name in this section."""
    meant = next(meant for meant in _KEYS[key] if meant.rpartition(".")[0] == section)
    if meant in EXAMPLES:
        return f"write `{EXAMPLES[meant]}`", None
    name = meant.rpartition(".")[2]
    return f"did you mean `{name}`?", name


def side_meant(key: str, known: Collection[str]) -> str | None:
    """Which of the keys that can stand here a name of another tool means."""
    return next((meant for meant in SIDES.get(key, ()) if meant in known), None)
