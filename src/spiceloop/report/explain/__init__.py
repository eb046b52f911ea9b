"""A study explained: what its model says, in the metrics' own terms, for cards and for machines.

============ ====================================================================================
study        the model of all trials, and the one of the moment of each proposal
sensitivity  which variables matter
errors       how far the model can be trusted
forecasts    predicted against simulated
reasons      why designs were proposed
limits       what limits each objective
document     all of it as plain values
============ ====================================================================================
"""
