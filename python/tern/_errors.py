# Part of Tern, under the Apache License v2.0 with LLVM Exceptions.
# See LICENSE for license information.
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What can go wrong."""


class Error(Exception):
    """Anything that Tern reports; the message is one line."""


class CompileError(Error):
    """The compiler refused a model, or ended abnormally.

    `stderr` has all it wrote.
    """

    def __init__(self, message, stderr=""):
        super().__init__(message)
        self.stderr = stderr


class InvalidArgument(Error, ValueError):
    """A tensor, name or option does not fit the model."""


class ArtifactError(Error):
    """Not an artifact, one of another version, or for another processor."""


class WeightsError(Error):
    """A weights file or checkpoint is damaged or belongs to another model."""


class FileError(Error, OSError):
    """A file cannot be opened, read or written."""


class OutOfMemory(Error, MemoryError):
    """There is not enough memory."""
