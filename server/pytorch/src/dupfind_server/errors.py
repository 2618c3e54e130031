"""The two kinds of failure that are not bugs."""


class SetupError(Exception):
    """The server cannot start as it was asked to; the text says what to do about it."""


class TileError(ValueError):
    """One tile of a batch cannot be embedded, though the others can."""

    def __init__(self, index: int, reason: str) -> None:
        super().__init__(f"tile {index}: {reason}")
        self.index = index
        self.reason = reason
