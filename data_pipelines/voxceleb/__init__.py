"""The `voxceleb` dataset: talking-head clips from a local folder."""

from data_pipelines.voxceleb.builder import RESOLUTIONS
from data_pipelines.voxceleb.builder import Builder as VoxCeleb

__all__ = ["RESOLUTIONS", "VoxCeleb"]
