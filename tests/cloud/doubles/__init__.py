"""Tests of the emulator itself: what it promises is what AWS documents, so that tests that lean on it mean something."""
