"""A key of a section in; the sentence that editors show of it out."""

from __future__ import annotations

from collections.abc import Mapping

SECTION_KEYS: Mapping[str, str] = {
    "version": "The version of this language",
    "extends": "A file to begin with, or a list of files of which the later wins",
    "name": "The run's name; the file's stem when left out",
    "seed": "What all that is random depends on",
    "vars": "Named values, used as `$name` or `$(expression)`",
    "blocks": "Reusable parts of networks, called by their names like any layer",
    "init": "Where the weights start: rules that apply in order, the later wins",
    "metrics": "What is measured beside the loss: a list, or a mapping of names to metrics",
    "expect": 'What figures of the result must show, such as `test.accuracy: ">= 0.97"`',
    "model": "The network: one node, and the shape of its input",
    "data.dataset": "The data set",
    "data.fields": "What each column of a table is: a `number` or a `category`",
    "data.target": "The fields that are no input of the network",
    "data.validation": "A share (0.1) or a count (500) of the training data, or a data set of its own",
    "data.test": "As `validation`, for data without a test part of its own",
    "data.batch_size": "Samples to a batch",
    "data.augment": "Random transforms, for training only, drawn for each image",
    "data.transforms": "Transforms for all splits, or `train` and `evaluation` apart",
    "data.transforms.train": "Transforms of the training split",
    "data.transforms.evaluation": "Transforms of the validation and test splits",
    "init.type": "The class of modules that the rule is for, or a list of them",
    "init.name": "A pattern of names that the rule is for, or a list of them",
    "loss.from": "What the loss compares: the model's `output`, its parts, and fields of the batch",
    "loss.weight": "What the term counts in the sum",
    "metrics.from": "What the metric compares; `[output, target]` when left out",
    "optimizer.groups": "Settings for the parameters whose names match; the later wins, key by key",
    "optimizer.groups.match": "A pattern of parameters' names, or a list of them",
    "scheduler.every": "What advances the schedule: each `step` of the optimizer, or each `epoch`",
    "scheduler.metric": "The figure that `ReduceLROnPlateau` follows, such as `validation.loss`",
    "train.epochs": "How often the training data is gone through; 10 where `steps` isn't said either",
    "train.steps": "How many steps of the optimizer to train, instead of `epochs`",
    "train.evaluate": "When the validation split is measured: each `epoch`, or a number of steps",
    "train.device": "`auto` takes a GPU where there is one",
    "train.precision": "The numbers that the forward pass computes with",
    "train.clip": "Limits the gradients before each step, by their norm or by value",
    "train.clip.norm": "The largest norm of all gradients together",
    "train.clip.value": "The largest value of any gradient",
    "train.clip.match": "A pattern of parameters' names, or a list of them; all of them when left out",
    "train.accumulate": "Batches to a step of the optimizer",
    "train.ema": "The decay of the weights' moving average, which is what is evaluated",
    "train.stop": "Ends the training when a figure hasn't improved for a while",
    "train.stop.metric": "The figure that must improve, such as `validation.loss`",
    "train.stop.patience": "How many evaluations in a row may bring no improvement",
    "train.checkpoint": "When a checkpoint is written, how many are kept, and which one is the best",
    "train.checkpoint.every": "Each `epoch`, or a number of steps",
    "train.checkpoint.keep": "How many of the last checkpoints are kept",
    "train.checkpoint.best": "The figure that chooses the best checkpoint, such as `validation.accuracy`",
    "train.watch": "Figures of what modules give, and of its gradients, every so many steps",
    "train.watch.activations": "A pattern of the modules whose values are watched, or a list of them",
    "train.watch.gradients": "A pattern of the modules whose gradients are watched, or a list of them",
    "train.watch.every": "Steps from one record to the next",
    "train.resample": "A pattern of parameters that are drawn anew before every step, or a list of them",
    "train.non_finite": "What happens where the loss or a gradient isn't finite: `stop`, or `skip` the step",
    "train.deterministic": "Whether the same seed gives the same bits",
}
"""Keys with dots, as the document nests them."""

NODE_KEYS: Mapping[str, str] = {
    "dim": "the axis along which `cat` and `stack` put the branches together, the batch counted as 0",
    "params": "a block's parameters and their defaults; `required` has none",
}
"""Keys of nodes that have no page of their own in `words.py`."""
