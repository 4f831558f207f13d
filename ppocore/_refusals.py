"""What the command prints as one line, with exit status 2: input that cannot be used."""


class Refusal(ValueError):
    """The message is one clear line that says what was found, where, and what is required."""

    def __init__(self, message: str) -> None:
        # It may quote anything: what a terminal would obey, or break the line at, becomes a space.
        super().__init__("".join(character if character.isprintable() else " " for character in message))
