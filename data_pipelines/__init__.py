"""Clips in, seeded training pairs out: TFDS builders, a grain loader and augmentation.

Nothing here needs TensorFlow, and nothing here imports `thf_jax`.
"""
