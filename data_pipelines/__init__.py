"""Clips in, seeded training pairs out. Nothing here needs TensorFlow, and nothing here imports `thf_jax`.

- `clips`, `images`: read any clip or still as uint8 RGB frames;
- `build`: the command that builds a dataset, `voxceleb` (from files of yours) or `moving_heads` (drawn);
- `datasets`: opens a split of a built dataset or of a folder of clips;
- `loader`: endless, sharded, resumable batches of pairs from an open split;
- `augment`: colour jitter, inside the jitted train step;
- `records`: how all datasets are stored; `sources`, `folders`, `pairs`, `progress` serve the above.
"""
