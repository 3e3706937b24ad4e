"""The `voxceleb` dataset: talking-head clips from the official tracks, from a metadata file, or ready-made.

- `builder`: the TFDS dataset; `options`: what the command line gives it;
- `inputs`, `plan`: from a folder to the list of clips; `tracks`, `metadata` read the two kinds of lists, `lists` knows
  who is in which collection and split;
- `recipe`, `boxes`, `cuts`: the published preprocessing;
- `tasks`: the function that makes one clip; `work`: running it in processes, and what is finished; `on_beam`: running
  it on a cluster;
- `videos`: the command that says which videos are missing, and has yt-dlp fetch them.
"""

from data_pipelines.voxceleb.builder import RESOLUTIONS, BuildOptions, VoxCelebConfig
from data_pipelines.voxceleb.builder import Builder as VoxCeleb
from data_pipelines.voxceleb.options import add_options, read_options
from data_pipelines.voxceleb.recipe import Recipe

__all__ = ["RESOLUTIONS", "BuildOptions", "Recipe", "VoxCeleb", "VoxCelebConfig", "add_options", "read_options"]
