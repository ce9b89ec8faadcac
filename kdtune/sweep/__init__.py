"""The sweep: search space, study, Ray trials, driver."""
