"""Many runs of one system: which, where each runs, what is kept of them, and the table that comes of it."""
