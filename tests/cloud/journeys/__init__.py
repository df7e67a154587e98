"""Whole ways through the cloud: the deployed stack runs the real functions, and its tables are those of a local run."""
