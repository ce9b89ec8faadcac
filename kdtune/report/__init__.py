"""What people read: progress and tables in the terminal, exports, figures."""
