"""The command line: ``spiceloop size problem.yaml`` and its companions, one file a command."""
