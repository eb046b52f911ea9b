"""Keyword spotting: speech data, features, classifier, training. Knows nothing of ngspice."""
