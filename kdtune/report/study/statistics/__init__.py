"""What seeds and temperatures say: spreads, tests of classes, trends."""
