"""The problem file: reading and checking it, and evaluating a design of it."""
