"""The exceptions that wfprov raises for its users, and the exit status of each.

Every message says what happened, to which file or server, and what to do next. The command line prints the
message alone, without a traceback, and exits with ``exit_status`` (listed in ``docs/reference/exit-status.md``).
Statuses 1, 6 and 7 are results of commands (something was found; a re-run failed, or could not take place), not errors.
"""


class WfprovError(Exception):
    """Something went wrong that the message explains; the base of all that wfprov raises on purpose."""

    exit_status = 3


class UsageError(WfprovError):
    """The call itself is wrong: an option, an unknown run, a target that is in the way."""

    exit_status = 2


class JournalError(WfprovError):
    """A record of a run can't be found or read."""


class InfoError(WfprovError):
    """``ro-crate-info.yaml`` has a wrong key or value; the message names the line."""


class CrateError(WfprovError):
    """A crate can't be read."""


class NetworkError(WfprovError):
    """A server can't be reached: no network, a proxy, a certificate, no answer in time."""

    exit_status = 5


class ServerError(NetworkError):
    """A server was reached and answered with an error, or with something that is not what it promises."""


class RefusedError(WfprovError):
    """A server was reached and refused what was asked for: a right, a team, a token, a crate."""

    exit_status = 4


class OutputError(WfprovError):
    """A result can't be written: no space, no permission."""

    exit_status = 8


class MissingPartError(WfprovError):
    """An optional part of wfprov or of the machine is needed and not installed."""

    exit_status = 9


class LaunchError(WfprovError):
    """The command to record could not be started; 126 and 127 as a shell has them."""

    exit_status = 127
