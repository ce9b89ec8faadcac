"""Charts of the classes screen: class bias, now and by epoch, and the accuracy of single classes."""
