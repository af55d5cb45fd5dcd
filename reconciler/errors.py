"""All exceptions of our own. Each class stands for one thing to do about it: mend a file, wait, look.

What merely *is* (a server that cannot be reached, a relationship that cannot be planned) is a value in
`model`, not an exception. Exceptions are for what stops the work at hand. No exception text ever carries a
configuration or a credential; foreign exceptions are turned into these at one seam, their cause kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from reconciler.model import Problem


class ReconcilerError(Exception):
    """Base of everything that kea-reconciler raises on purpose. `str()` of it is fit for a person to read."""


class FixInputError(ReconcilerError):
    """Files, settings or credentials are wrong: a person has to correct them; nothing was done.

    `problems` holds every problem that was found, sorted by position, not only the first.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class UsageError(ReconcilerError):
    """The command line asks for something that does not exist, such as a relationship nobody declared."""


class FileError(ReconcilerError):
    """A file that the command line names can't be read or written: name another one, or see to it and its folder."""


class NotListeningError(ReconcilerError):
    """Where the command line says to listen this host can't: see who does, or name another address or port."""


class NotCommittedError(ReconcilerError):
    """Files are not those of the commit that they have to be of, be they right: commit them, or put them back."""


class StateError(ReconcilerError):
    """The state directory can't be used: a person has to look. Where it is raised, nothing was changed."""


class LockedError(ReconcilerError):
    """Another run has what this one needs, and did not let go of it in time: wait, then run it again."""


class EndpointError(ReconcilerError):
    """Base of what can go wrong while talking to one endpoint."""


class NotReachedError(EndpointError):
    """The command was certainly not executed (refused, no route, agent without daemon): wait, then retry."""


class OutcomeUnknownError(EndpointError):
    """The command may or may not have been executed (time-out, cut connection, truncated reply, the agent's
    "likely to be offline" after it had forwarded): read the server again before doing anything else.
    """


class AccessRefusedError(EndpointError):
    """The endpoint refused the credentials, or our own settings forbid talking to it: never retried."""


class WrongAnswererError(EndpointError):
    """Something answered, but not the Kea service that was asked (garbage, HTML, another service): a person
    has to look; nothing is ever written there.
    """


class TooDeepError(ReconcilerError):
    """A configuration is nested deeper than any real one, so that it can't be compared: a person has to look."""
