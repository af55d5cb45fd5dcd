"""What is kept on the management host: what runs did and left behind, who is at work now, and configurations as they
were before each overwrite.

It is a memory, not a truth: what is to be done is decided from git and from the servers. Losing it costs the means to
tell whose doing it is that a server's service is off, never the way back to order.
"""
