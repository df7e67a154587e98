"""Tests of the emulator itself: it promises what AWS documents, so that what leans on it means something."""
