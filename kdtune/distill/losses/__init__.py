"""What a student minimises: the ready losses, the user's own, and how each example weighs."""
