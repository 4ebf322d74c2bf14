"""The laws of `yamlnet.data`."""
