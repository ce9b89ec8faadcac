"""The journal screen: what happened, the machine, and the driver's log."""
