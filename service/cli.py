"""`semblance`: the command line, in groups, loaded only when asked for."""

import importlib

import click

# The commands of a group may stand in several files; the first says what the group is.
GROUPS = {
    "serve": ("serve",),
    "models": ("models",),
    "gallery": ("gallery", "questions", "scans", "maps", "copies"),
    "code": ("code", "clones"),
    "link": ("link", "link_label"),
    "dedupe": ("dedupe",),
    "keys": ("keys",),
}


class Lazy(click.Group):
    """A group whose commands are imported when they are called: `--help` costs nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """List the commands in the order a newcomer needs them."""
        return list(GROUPS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import one command."""
        if cmd_name not in GROUPS:
            return None
        first, *more = (
            importlib.import_module(f"service.commands.{name}").command for name in GROUPS[cmd_name]
        )
        for one in more:
            first.commands.update(one.commands)
        command: click.Command = first
        return command


@click.group(cls=Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="semblance")
def main() -> None:
    """Embed items, keep galleries, and ask whose this is, what it is like, or if it is unknown.

    \b
    Start here:
      semblance serve                              the service on http://127.0.0.1:8080
      semblance gallery build NAME SOURCE          index a CSV, JSONL, Parquet file or folder
      semblance gallery search NAME "a question"   ask it
      semblance code index PATH                    index the functions of a repository
      semblance code search "a question"           ask where the code is that does it
      semblance link LEFT RIGHT                    link the records of two tables
      semblance dedupe TABLE                       find those of one table that are of one thing
    """


if __name__ == "__main__":
    main()
