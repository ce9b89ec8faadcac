"""The four classes that Ray Tune sees: searcher, scheduler, stopper, trainable."""
