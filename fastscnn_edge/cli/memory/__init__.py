"""Estimates and measurements of memory: --memory-limit and the command of that name."""
