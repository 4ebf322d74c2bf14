"""The laws of `yamlnet.language`."""
