"""Plans and outcomes as text or JSON. Returns strings; prints nothing, looks at no terminal and no clock."""
