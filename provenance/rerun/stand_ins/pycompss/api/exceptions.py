"""The exception that a task raises to cancel its group."""


class COMPSsException(Exception):
    """Raised in a task, it cancels the other tasks of the group and comes out where the group is waited for."""

    def __init__(self, message: object = None) -> None:
        super().__init__(message)
        self.message = message
        self.target_direction = None
