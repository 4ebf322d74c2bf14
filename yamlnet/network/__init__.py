"""The model: a tree of nodes in, a plain `nn.Module` out."""
