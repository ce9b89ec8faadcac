"""Knowledge distillation, searched for the accuracy-fairness Pareto front."""
