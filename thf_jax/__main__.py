"""`python -m thf_jax` is the command `thf`."""

import sys

from thf_jax.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
