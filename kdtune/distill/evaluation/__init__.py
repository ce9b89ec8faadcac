"""What a trained model gives: its outputs, their counts, the measures that counts don't give, and an epoch's result."""
