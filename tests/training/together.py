"""Files to train, and a folder, as arguments of torchrun's processes in; a run of each file there out."""

import sys
import warnings
from pathlib import Path

import yamlnet

if __name__ == "__main__":
    warnings.simplefilter("error")
    folder, *files = map(Path, sys.argv[1:])
    for file in files:
        yamlnet.train(file, runs=folder)
