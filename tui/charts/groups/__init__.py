"""Charts of the groups screen: gaps between groups, the rates behind them, and who gets which class wrong."""
