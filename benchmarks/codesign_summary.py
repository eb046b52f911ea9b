def summarise(runs, results):
    return "later"
