"""The edges in time: observe and apply."""
