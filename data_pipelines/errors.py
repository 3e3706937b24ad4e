"""The one error that a user of `data_pipelines` can cause."""


class InputError(ValueError):
    """A file, folder or option that cannot be used.

    The message is one sentence: what came, what was wanted and, where there is one, the nearest valid choice.
    Commands print it to stderr and exit with status 2.
    """
