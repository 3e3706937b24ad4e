"""Metrics, and the protocol that the papers report them under."""
