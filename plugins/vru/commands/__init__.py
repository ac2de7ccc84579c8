"""The commands of `vru`, by what they work on."""
