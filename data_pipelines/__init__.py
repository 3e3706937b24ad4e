"""Clips in, seeded training pairs out. Nothing here needs TensorFlow, and nothing here imports `thf_jax`.

- `clips`, `images`: read any clip or still as uint8 RGB frames;
- `build`: the command that builds a dataset, `voxceleb` (from files of yours) or `moving_heads` (drawn);
- `datasets`: opens a split of a built dataset or of a folder of clips;
- `validate`, `look`: the commands that find what is wrong with a dataset, and show what it holds;
- `loader`: endless, sharded, resumable batches of pairs from an open split;
- `augment`: colour jitter, inside the jitted train step;
- `faces`, `head_pose`: landmarks, embedding and head pose of real faces, as labels beside the frames;
- `records`: how all datasets are stored; `sources`, `built`, `folders`, `candidates`, `checks`, `pairs`, `command` and
  `progress` serve the above.
"""
