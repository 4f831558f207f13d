"""The machines that decide: one module for each technology."""
