"""The folder of one exported student: weights, configuration, metrics, model card, other formats."""
