"""Metrics, the protocol that the papers report them under, and motion accuracy on drawn heads."""
