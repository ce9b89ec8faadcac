"""Whether the models of a run differ beyond noise, judged on the same validation examples."""
