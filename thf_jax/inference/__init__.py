"""From a model and a clip to pictures: the animate loop, loading, motion files, crops and video files."""
