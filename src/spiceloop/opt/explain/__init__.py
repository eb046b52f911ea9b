"""What the model of `spiceloop.opt.ehvi` says about a study: one question a file.

============== ==================================================================================
moment         the model as it was when a trial was proposed, or is now
units          from the model's outputs to the metrics' own terms and back
indices        which variables matter over the whole design space
slopes         which variables matter at one design
leave_one_out  how far the model can be trusted
terms          why a design was proposed
relax          what an objective would gain if a bound were looser
============== ==================================================================================

Nothing is drawn at random without a fixed seed, so the same history gives the same answers.
"""
