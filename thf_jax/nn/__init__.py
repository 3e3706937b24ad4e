"""Networks that know nothing of source or driving: blocks, hourglass, discriminator, VGG. All act on [b h w c]."""
