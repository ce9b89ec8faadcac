"""The models of a study, and how they are trained."""
