"""The commands, called as the shell calls them."""
