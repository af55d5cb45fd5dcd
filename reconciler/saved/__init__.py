"""Plans as files: written, read again, and told apart. Inert data; nothing in such a file is ever sent to a server."""
