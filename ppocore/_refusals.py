"""What the command prints as one line, with exit status 2: input that cannot be used."""


class Refusal(ValueError):
    """The message is one clear line that says what was found, where, and what is required."""
