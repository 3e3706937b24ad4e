"""The command `thf`: one small file a command, each with `add_parser`."""
