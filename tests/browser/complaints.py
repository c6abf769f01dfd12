"""What pages complain about, such as a script that fails or a policy that is violated."""

import re


class Complaints:
    """A browser tells of an answer from 400 on some time after it was shown: what a test expects
    is said beforehand, and all is judged once the page is closed."""

    def __init__(self) -> None:
        self._said: list[str] = []
        self._expected: list[str] = []

    def add(self, said: str) -> None:
        self._said.append(said)

    def expect(self, pattern: str) -> None:
        """Let pass what `pattern` is found in."""
        self._expected.append(pattern)

    def unexpected(self) -> list[str]:
        return [
            said
            for said in self._said
            if not any(re.search(pattern, said) for pattern in self._expected)
        ]
