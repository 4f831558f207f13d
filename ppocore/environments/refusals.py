"""What is wrong with an environment from outside."""

from ppocore._refusals import Refusal


class BadEnvironment(Refusal):
    """An environment that cannot be used, or that misbehaved; the message is one line: which, at which step, how."""
