"""Model files: published PyTorch checkpoints read without PyTorch, and the library's own model directory."""
