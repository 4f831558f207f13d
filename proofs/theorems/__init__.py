"""Every theorem: its text in a Markdown file, its checks in the Python file of the same name."""
