"""What goes wrong in training through no fault of this code."""


from ppocore._refusals import Refusal


class BadRun(Refusal):
    """Settings, a folder or a file that cannot be used; the message is one line that says which and why."""
