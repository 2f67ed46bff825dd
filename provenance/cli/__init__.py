"""The command ``wfprov``: one module a command; each parses, calls one function and prints."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence

import click

import provenance
from provenance.errors import WfprovError

# Name of the command -> what it does, in the order in which a user meets them. The module has the same name and
# defines `command`; it is imported only when the command is called or its own help is asked for.
COMMANDS = {
    "run": "Run a command and record what it does.",
    "runs": "List, show and remove recorded runs.",
    "pack": "Make a crate of a recorded run.",
    "init": "Write ro-crate-info.yaml, filled in as far as the project tells.",
    "rerun": "Run a crate's run again, and say whether it reproduced.",
    "fetch": "Get a crate from WorkflowHub, Zenodo, a DOI or an address, and check its files.",
    "publish": "Publish a crate on WorkflowHub, or another SEEK server.",
    "sandbox": "Start a local stand-in of WorkflowHub to practise with.",
    "login": "Keep the token for a server in the system's keyring.",
    "logout": "Take the token for a server out of the keyring.",
    "validate": "Check a crate against its profiles, without network.",
    "scan": "Look through a crate for credentials and private names; write one without them.",
    "inspect": "Say in a few lines what happened in a run, from any engine's crate.",
    "diff": "Say what is not the same in two runs.",
    "doctor": "Say what this machine can record and what is missing.",
}


class _LazyGroup(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = importlib.import_module(f"provenance.cli.{cmd_name}")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(provenance.__version__, prog_name="wfprov")
def wfprov() -> None:
    """Record any workflow run and turn it into a Workflow Run RO-Crate."""


def main(args: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 when done, else the status that ``docs/reference/exit-status.md`` lists."""
    try:
        status = wfprov.main(args=None if args is None else list(args), prog_name="wfprov", standalone_mode=False)
    except WfprovError as error:
        from provenance.cli import text

        text.write_error(f"wfprov: {error}")
        sys.exit(error.exit_status)
    except click.exceptions.Abort:
        click.echo("wfprov: interrupted", err=True)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    sys.exit(status if isinstance(status, int) else 0)


if __name__ == "__main__":
    main()
