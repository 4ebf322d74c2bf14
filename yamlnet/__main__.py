"""`python -m yamlnet`: the command line."""

from yamlnet.cli import main

if __name__ == "__main__":
    main()
