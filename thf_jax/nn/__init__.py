"""Networks that know nothing of source or driving: blocks, hourglass, discriminator, VGG. All act on batches, [b h w c]."""
